#!/bin/sh
# Queues a sale with curl and hears what comes of it: queue.sh URL SEAT CUSTOMER KEY, as in: queue.sh http://127.0.0.1:4280 A1 ann order-17
# The sale is done once, whether there is a line to the hosts or not. After a crash run the same again, with the same key.
set -eu
url=$1 seat=$2 customer=$3 key=$4
dir=$(mktemp -d)
trap 'kill "${stream:-}" 2>/dev/null || true; rm -rf "$dir"' EXIT
mkfifo "$dir/events"

# came ends this when an outcome is told: 0 done, 1 refused, 3 nobody knows.
came() {
	case $1 in
	'' | *'"state":"queued"'*) ;;
	*'"state":"done"'*'"code":'*) echo "refused: $1" >&2 && exit 1 ;; # no body of tickets has a code
	*'"state":"done"'*) echo "done: $1" && exit 0 ;;
	*) echo "outcome unknown, check the seat: $1" >&2 && exit 3 ;;
	esac
}

# hear reads the stream of what this terminal is told, until an outcome is there or the stream ends.
hear() {
	curl --silent --no-buffer "$url/v1/notices" >"$dir/events" &
	stream=$!
	kind=message
	while read -r field value; do
		case $field$kind in
		event:*) kind=$value ;;
		data:status) came "$(curl --silent --show-error --max-time 10 "$url/v1/queue/$id")" ;; # it may be over: that is not told again
		data:result) case $value in *"\"id\":\"$id\""*) came "$value" ;; esac ;;
		data:message) echo "told: $value" ;;
		*) [ -n "$field" ] || kind=message ;; # an empty line ends an event
		esac
	done <"$dir/events"
}

while :; do
	status=$(curl --silent --show-error --output "$dir/answer" --write-out '%{http_code}' --max-time 10 \
		--json "{\"seat\":\"$seat\",\"customer\":\"$customer\"}" \
		--header 'Hotpair-Queue: yes' --header "Hotpair-Queue-Key: $key" --header "Hotpair-Lane: $customer" \
		"$url/v1/tickets/sell") || status=000
	case $status in
	202) break ;;
	000 | 429 | 500 | 503 | 504) sleep 1 ;; # it may be queued: the same again
	*) cat "$dir/answer" >&2 && exit 1 ;;
	esac
done
id=$(sed 's/.*"id":"\([^"]*\)".*/\1/' "$dir/answer")
echo "queued: $id"
while :; do
	hear
	sleep 1 # the agent is away
done
