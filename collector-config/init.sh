#!/bin/sh
# The stack's one-shot at every start: each volume belongs to who writes it, and each secret exists.
#
# A named volume is born root's, and the servers are not root. Secrets are made once and stay; to
# get a new one, empty its file (`pepperpy-otel stack password` shows Grafana's).
set -eu
umask 077

own() { # uid:gid directory
  [ -d "$2" ] || return 0
  [ "$(stat -c %u:%g "$2")" = "$1" ] || chown -R "$1" "$2"
}

secret() { # name uid bytes
  file=/secrets/$1
  if [ ! -s "$file" ]; then
    # A letter first: the Collector reads the file as YAML, and this must stay text.
    printf 'k%s' "$(head -c "$3" /dev/urandom | base64 | tr -d '\n=' | tr '+/' '-_')" >"$file.new"
    mv "$file.new" "$file"
  fi
  chown "$2" "$file"
  chmod 0400 "$file"
}

own 10001:10001 /volumes/collector
own 10001:10001 /volumes/jaeger
own 10001:10001 /volumes/loki
own 10001:10001 /volumes/shop
own 10001:10001 /volumes/agent
own 10001:10001 /volumes/gateway
own 65534:65534 /volumes/prometheus
own 65534:65534 /volumes/alertmanager
own 65534:65534 /volumes/alertmanagers
own 1000:1000 /volumes/kafka
own 472:0 /volumes/grafana

rm -f /volumes/alertmanagers/compose.yaml # the profile `alerts` writes it after this

chmod 0711 /secrets # each server opens its own file by name, nobody lists them
secret grafana_admin_password 472 24
secret redaction_key 10001 48
secret otlp_token 10001 32
