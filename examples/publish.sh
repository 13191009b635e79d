#!/bin/sh
# Publishes with curl: publish.sh URL TOKEN. The key makes it safe that curl repeats: on 429 and 503, when Retry-After says,
# and when no answer came.
set -eu
url=$1 token=$2
key=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')

status=0
answer=$(curl --silent --show-error --fail-with-body --retry 10 --retry-max-time 60 --retry-connrefused --max-time 5 "$url/api/v1/publish" \
  -H "Authorization: Bearer $token" \
  -H 'Content-Type: application/json' \
  -H "Idempotency-Key: $key" \
  -d '{ "workspaceId": "acme", "appId": "board-1", "event": "CARD_MOVED", "payload": { "card": "c1", "column": 2 } }') || status=$?

case $answer in
  '{"status":'*) printf '%s\n' "$answer" ;;
  *)
    echo "$url/api/v1/publish did not answer as Roomcast does: check the address, and what stands before the service." >&2
    [ "$status" -ne 0 ] || status=1
    ;;
esac
exit "$status"
