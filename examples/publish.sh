#!/bin/sh
# Publishes with curl: publish.sh URL TOKEN. The key makes it safe that curl repeats on 503 and on lost answers.
set -eu
url=$1 token=$2
key=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')

curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused --max-time 5 "$url/api/v1/publish" \
  -H "Authorization: Bearer $token" \
  -H 'Content-Type: application/json' \
  -H "Idempotency-Key: $key" \
  -d '{ "workspaceId": "acme", "appId": "board-1", "event": "CARD_MOVED", "payload": { "card": "c1", "column": 2 } }'
