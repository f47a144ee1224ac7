#!/usr/bin/env bash
# Make what deploy/compose.yaml reads from deploy/secrets (git ignores it), once: the password of PostgreSQL, the tokens
# of collectors and dashboards, and the configuration that holds them. What is there is kept.
set -euo pipefail
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
chmod 0700 secrets
token() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }
[ -s secrets/postgres_password ] || printf '%s' "$(token)" >secrets/postgres_password
[ -s secrets/causeway.toml ] || cat >secrets/causeway.toml <<END
[store]
url = "elasticsearch://elasticsearch:9200"

[samples]
url = "http://victoria:8428"

[state]
url = "postgresql://causeway:$(cat secrets/postgres_password)@postgres/causeway"

[collect]
token = "$(token)"

[serve]
token = "$(token)"
END
# Containers read these as users of their own; nobody else gets through the folder.
chmod 0644 secrets/*
echo "The tokens are in deploy/secrets/causeway.toml:"
echo "  senders to the collectors:  authorization: Bearer TOKEN of [collect]"
echo "  browsers:                   any user name, the token of [serve] as password"
