#!/bin/sh
# find.sh SERVER ACCOUNT CHANNEL PHOTO; the find-only key is in the variable KEY
printf 'form-string = "secretkey=%s"\n' "$KEY" |
    curl --silent --show-error --config - --form-string "username=$2" --form-string "channel=$3" \
        --form "image=@$4" "$1/FindImage"
