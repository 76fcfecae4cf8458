#!/bin/sh
# Installs the gateways that `make bench B=gateway` compares with, from their packages, below build/bench: some 800 MB.
# Portkey's streams fail with the newest @hono/node-server, so an older one is named.
set -eu
cd "$(dirname "$0")/.."
mkdir -p build/bench/portkey
cat >build/bench/portkey/package.json <<'JSON'
{"private": true, "dependencies": {"@portkey-ai/gateway": "1.15.2"}, "overrides": {"@hono/node-server": "1.13.8"}}
JSON
npm install --prefix build/bench/portkey
python3 -m venv build/bench/litellm
build/bench/litellm/bin/pip install 'litellm[proxy]==1.110.2'
