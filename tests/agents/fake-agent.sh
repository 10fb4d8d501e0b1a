#!/bin/sh
# Plays a recorded session: fake-agent.sh SESSION [EXIT CODE]. What it is told on its standard input goes to `told`, its
# arguments to `called`, one call a line.
sessions=${FAKE_AGENT_SESSIONS:-$(dirname "$0")/sessions}
echo "$*" >> called
cat >> told
cat "$sessions/$1"
exit "${2:-0}"
