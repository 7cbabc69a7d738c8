"""``python -m generate.typescript DIRECTORY``: the dashboards for a compiler, with Grafana's types.

The SDK's types are those of Grafana 11.6. Grafana publishes the ones of every release to npm, and a
compiler can compare: every field that it does not know, and every value that is none, is an error.

    python -m generate.typescript /tmp/check && cd /tmp/check && npm install && npx tsc
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from .__main__ import DASHBOARDS
from .panels import PLUGIN_VERSION

#: Where the package keeps the types of a panel, by the panel's type.
MODULES = {
    "heatmap": "heatmap",
    "logs": "logs",
    "nodeGraph": "nodegraph",
    "stat": "stat",
    "state-timeline": "statetimeline",
    "table": "table",
    "timeseries": "timeseries",
}
#: Those that have options for fields.
WITH_FIELDS = {"heatmap", "statetimeline", "table", "timeseries"}
TYPES = "./node_modules/@grafana/schema/dist/types/raw/composable/%s/panelcfg/x/types.gen"
#: ``Json`` has an enum's values in its place. What the package itself leaves open (queries, links)
#: or types by what Grafana reads from JSON differently (thresholds begin at null) is not compared.
HEAD = """\
import type { Dashboard, Panel, RowPanel } from "@grafana/schema";
type Json<T> = T extends string ? `${T}` : T extends number | boolean ? T
  : T extends (infer U)[] ? Json<U>[] : T extends object ? { [K in keyof T]: Json<T[K]> } : T;
type Defaults = Json<NonNullable<Panel["fieldConfig"]>["defaults"]>;
type Open = "custom" | "links" | "thresholds";
type Kind<T, O, C> = Omit<Json<Panel>, "type" | "options" | "targets" | "fieldConfig"> & {
  type: T; options: Json<O>; targets: unknown[];
  fieldConfig: {
    defaults: Omit<Defaults, Open> & { custom?: Json<Partial<C>>; links?: unknown[]; thresholds?: {
      mode: "absolute" | "percentage"; steps: { value: number | null; color: string }[] } };
    overrides: Json<NonNullable<Panel["fieldConfig"]>["overrides"]>;
  };
};
type Annotations = { list: (NonNullable<Json<Dashboard>["annotations"]>["list"] extends
  (infer A)[] | undefined ? Omit<A, "target"> & {
    target?: unknown; expr?: string; titleFormat?: string; textFormat?: string; tagKeys?: string;
  } : never)[] };
type Whole = Omit<Json<Dashboard>, "annotations"> & { annotations: Annotations };
"""
CONFIG = {
    "compilerOptions": {
        "strict": True,
        "noEmit": True,
        "module": "nodenext",
        "moduleResolution": "nodenext",
        "target": "es2022",
        "skipLibCheck": True,
    },
    "files": ["check.ts"],
}
PACKAGE = {
    "private": True,
    "dependencies": {"@grafana/schema": PLUGIN_VERSION, "typescript": "^5.9"},
}


def source(dashboards: list[dict[str, Any]]) -> str:
    """TypeScript that compiles when the dashboards are what Grafana's types say.

    Args:
        dashboards: Each as its JSON has it.
    """
    lines = [HEAD]
    lines += [f'import type * as {name} from "{TYPES % name}";' for name in MODULES.values()]
    for number, dashboard in enumerate(dashboards):
        for panel in dashboard["panels"]:
            name = f"d{number}p{panel['id']}"
            lines.append(f"export const {name} = {json.dumps(panel)} satisfies {_type(panel)};")
        whole = json.dumps({**dashboard, "panels": []})
        lines.append(f"export const d{number} = {whole} satisfies Whole;")
    return "\n".join(lines) + "\n"


def _type(panel: dict[str, Any]) -> str:
    if panel["type"] == "row":
        return "Json<RowPanel>"
    module = MODULES[panel["type"]]
    fields = f"{module}.FieldConfig" if module in WITH_FIELDS else "{}"
    return f'Kind<"{panel["type"]}", {module}.Options, {fields}>'


def main(arguments: list[str]) -> int:
    """Run the command line."""
    (directory,) = map(Path, arguments)
    directory.mkdir(parents=True, exist_ok=True)
    committed = [json.loads(path.read_text("utf-8")) for path in sorted(DASHBOARDS.glob("*.json"))]
    (directory / "check.ts").write_text(source(committed), encoding="utf-8")
    (directory / "tsconfig.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    (directory / "package.json").write_text(json.dumps(PACKAGE), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
