#!/bin/sh
# In place of the service in tests of start.sh: serve_stand_in.sh FOLDER CRASHES
# Notes each start in FOLDER/starts, ends with status 7 the first CRASHES times, then runs until SIGTERM and ends well.
folder=$1
crashes=$2
echo "$WEIGHTS_DIR" >> "$folder/starts"
[ "$(wc -l < "$folder/starts")" -le "$crashes" ] && exit 7
trap 'echo ended >> "$folder/starts"; exit 0' TERM
touch "$folder/serving"
while :; do sleep 0.1; done
