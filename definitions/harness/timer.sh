#!/bin/sh
# Prints the time that is left of the budget.
: "${PTB_DEADLINE:?PTB_DEADLINE is not set: this script works inside a run}"
left=$((PTB_DEADLINE - $(date +%s)))
if [ "$left" -le 0 ]; then
  echo "The time is over."
else
  printf 'Remaining time: %d:%02d:%02d\n' $((left / 3600)) $((left % 3600 / 60)) $((left % 60))
fi
