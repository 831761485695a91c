#!/usr/bin/env bash
# A Redis server, an orchestrator and two worker processes on this machine, until Ctrl-C. Then, in another terminal:
#   export MAG_STORE=redis://127.0.0.1:7379
#   mag run customer_registration -i 'customer_data:={"email":"ada@example.org","name":"Ada Lovelace","phone":"+420123456789"}'
#   mag workers list
# Kill a worker process (its pid is in `mag workers list`): the steps go on at the other.
set -euo pipefail
cd "$(dirname "$0")/../.."
port=${PORT:-7379}
folder=$(mktemp -d)
redis=
pids=()
stop() {
  trap - EXIT
  [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2> /dev/null || true
  wait "${pids[@]}" || true
  # Last: the others hand their work back to it.
  kill "$redis" 2> /dev/null || true
  wait
  rm -rf "$folder"
}
trap stop EXIT
trap 'exit 0' INT TERM
redis-server --port "$port" --bind 127.0.0.1 --dir "$folder" --save '' --appendonly yes --maxmemory-policy noeviction > "$folder/redis.log" &
redis=$!
until redis-cli -p "$port" ping > /dev/null 2>&1; do
  kill -0 "$redis" 2> /dev/null || { cat "$folder/redis.log"; exit 1; }
  sleep 0.1
done
export MAG_STORE=redis://127.0.0.1:$port
bin/mag serve --no-workers &
pids+=($!)
for _ in 1 2; do
  bin/mag workers start --concurrency 10 &
  pids+=($!)
done
echo "ready: export MAG_STORE=$MAG_STORE"
wait
