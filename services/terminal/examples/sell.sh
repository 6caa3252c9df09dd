#!/bin/sh
# Sells a seat with curl: sell.sh URL SEAT CUSTOMER, as in: sell.sh http://127.0.0.1:4280 A1 ann
# The id is made once. Whatever happens to this line, the same is sent again and takes effect once.
set -eu
url=$1 seat=$2 customer=$3
id="$(date -u +%Y-%m-%dT%H:%M:%SZ)/$customer-$seat-$$"
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
for try in 1 2 3 4 5; do
	status=$(curl --silent --show-error --output "$answer" --write-out '%{http_code}' --max-time 40 \
		--json "{\"seat\":\"$seat\",\"customer\":\"$customer\"}" \
		--header "Hotpair-Request-Id: $id" --header "Hotpair-Deadline: ${DEADLINE:-30s}" \
		"$url/v1/tickets/sell") || status=000
	case $status in
	200)
		cat "$answer"
		exit 0
		;;
	000 | 429 | 500 | 503 | 504) sleep 1 ;; # nobody knows yet, or nothing was done: the same again
	*)
		cat "$answer" >&2
		exit 1
		;;
	esac
done
echo "no answer after $try tries; send id $id again" >&2
exit 2
