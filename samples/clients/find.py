"""find.py SERVER ACCOUNT CHANNEL PHOTO; the find-only key is in the variable KEY. Needs httpx."""

import os
import sys
from pathlib import Path

import httpx

server, account, channel, photo = sys.argv[1:]
answer = httpx.post(
    f"{server}/FindImage",
    data={"username": account, "secretkey": os.environ["KEY"], "channel": channel},
    files={"image": Path(photo).read_bytes()},
    timeout=15,
).json()
if answer["returncode"] != 0:
    sys.exit(f"returncode {answer['returncode']}: {answer.get('error', {}).get('message', '')}")
print(answer.get("identifier", "no match"))
