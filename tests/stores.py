"""An S3 server on loopback, and what a test asks it directly, past polymask."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SERVER = "from moto.server import ThreadedMotoServer as S; import sys, time\n" \
    "s = S('127.0.0.1', 0, verbose=False); s.start()\n" \
    "print(s.get_host_and_port()[1], flush=True); sys.stdin.read()"
KEYS = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "s3cret-of-nobody", "AWS_REGION": "us-east-1"}
