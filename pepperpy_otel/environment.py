"""Names of the environment variables that are ours. Import-free on purpose.

``opentelemetry-instrument`` loads this module through the entry point
``opentelemetry_environment_variables`` and makes a flag of every name that starts with ``OTEL_``,
imported ones included; two packages that export the same one crash it (argparse conflict). So
nothing here starts with ``OTEL_`` and nothing is imported.
"""

PREFIX = "PEPPERPY_OTEL_"
