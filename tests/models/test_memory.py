"""What is freed goes back to the system."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource
from humpback.models.device import give_back_memory

def held():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() >> 20

before = held()
blocks = [bytes(1 << 16) for _ in range(8192)]   # 512 MiB in blocks that glibc keeps
last = bytes(1 << 16)                            # on top of them, so that the heap cannot shrink by itself
for block in range(0, 8192): blocks[block] = None
kept = held() - before
give_back_memory()
print(kept, held() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do it by themselves")
def test_freed_blocks_go_back_to_the_system():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    kept, after = map(int, done.stdout.split())
    assert after < 64
    assert after <= kept
