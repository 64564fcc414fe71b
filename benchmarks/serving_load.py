"""How near a command comes to what a server can answer: a simulated one that is slow, limited and fails now and then.

    python benchmarks/serving_load.py --out benchmarks/results/serving_load.json

The server answers after a fixed time, so many requests at once and no more (429), and fails a share of them (500). It
runs in a process of its own and counts what it answered. Asked are: the engine, which is not told the limit; the whole
of `humpback rate` on as many pairs; and a plain asyncio client with the best of some numbers of requests at a time.
With `--peers data-designer=ITS/python curator=ITS/python` other tools are asked too (pip install data-designer,
bespokelabs-curator, each into an environment of its own): as they come, and told the server's limit.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

TEXT = "It reads well, is whole, and says what was asked for in few words.\nScore: 4"
ANSWER = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 400, "completion_tokens": 20},
}


class Simulated(asyncio.Protocol):
    """One connection to the simulated server; `counts` are those of the whole server."""

    def __init__(self, seconds: float, limit: int, fails: int, counts: Counter[str], answered: Counter[int]) -> None:
        self.seconds, self.limit, self.fails, self.counts, self.answered = seconds, limit, fails, counts, answered
        self.received = b""

    times: ClassVar[list[float]] = [0.0, 0.0]
    """When the first request was taken and the last one answered."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, separator, body = self.received.partition(b"\r\n\r\n")
        _, _, rest = head.lower().partition(b"content-length:")
        if not separator or len(body) < int(rest.partition(b"\r\n")[0] or b"0"):
            return
        self.received = b""
        if head.startswith(b"GET"):
            more = {"distinct": len(self.answered), "most_at_once": self.counts["most"]}
            counts = self.counts | Counter(more) | {"seconds": self.times[1] - self.times[0]}
            self.reply(200, {"data": [{"id": "m", "owned_by": "me"}], "counts": counts})
        elif self.counts["under_way"] >= self.limit:
            self.counts["refused"] += 1
            self.reply(429, {"error": {"message": "too many at once"}})
        else:
            if not self.counts["taken"]:
                self.times[0] = time.monotonic()
            self.counts["under_way"] += 1
            self.counts["taken"] += 1
            self.counts["most"] = max(self.counts["most"], self.counts["under_way"])
            fails = bool(self.fails) and self.counts["taken"] % self.fails == 0
            asyncio.get_running_loop().call_later(self.seconds, self.finish, body, fails)

    def finish(self, body: bytes, fails: bool) -> None:
        self.counts["under_way"] -= 1
        self.counts["failed" if fails else "answered"] += 1
        self.times[1] = time.monotonic()
        if not fails:
            self.answered[hash(body)] += 1
        self.reply(500 if fails else 200, {"error": {"message": "out of luck"}} if fails else ANSWER)

    def reply(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        head = f"HTTP/1.1 {status} .\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        if not self.transport.is_closing():
            self.transport.write(head.encode() + body)


async def serve(seconds: float, limit: int, fails: int) -> None:
    counts, answered = Counter[str](), Counter[int]()
    server = await asyncio.get_running_loop().create_server(
        lambda: Simulated(seconds, limit, fails, counts, answered), "127.0.0.1", 0, backlog=1024
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def simulated(seconds: float, limit: int, fails: int) -> Iterator[str]:
    """The server in a process of its own; gives its address."""
    arguments = [sys.executable, __file__, "--serve", str(seconds), str(limit), str(fails)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.kill()
        process.communicate()


def counted(url: str) -> dict[str, Any]:
    """What the server has counted."""
    with urllib.request.urlopen(f"{url}/models") as answer:
        return dict(json.load(answer)["counts"])


def measured(url: str, requests: int, best: float, since: float, cpu: float) -> dict[str, Any]:
    counts = counted(url)
    seconds = counts["seconds"]  # from the first request that the server took to its last answer
    return {
        "seconds": round(seconds, 2),
        "seconds_in_all": round(time.monotonic() - since, 2),
        "per_second": round(requests / seconds, 1),
        "share_of_best": round(requests / seconds / best, 3),
        "client_cpu_ms_per_request": round((time.process_time() - cpu) / requests * 1000, 3),
        "lost": requests - counts["distinct"],
        "doubled": counts["answered"] - counts["distinct"],
        **{name: counts.get(name, 0) for name in ("refused", "failed", "most_at_once")},
    }


def ask_engine(url: str, count: int, best: float, prompt: str) -> dict[str, Any]:
    """The engine by itself, not told the limit; its memory after a tenth and at the end."""
    from humpback.config import ModelSettings
    from humpback.engines.openai import OpenAIEngine
    from humpback.requests import Message, Part, Request, Sampling

    settings = {"name": "m", "engine": "openai", "server": {"base_url": url}}
    engine = OpenAIEngine(ModelSettings.model_validate(settings))
    requests = (
        Request(str(i), (Message("user", (Part(f"{i} {prompt}"),)),), Sampling(96, seed=i)) for i in range(count)
    )
    answered, memory = Counter[str](), []
    since, cpu = time.monotonic(), time.process_time()
    for number, answer in enumerate(engine.generate(requests), 1):
        assert not answer.error, answer.error
        answered[answer.id] += 1
        if number in (count // 10, count):
            memory.append(resident_mib())
    result = measured(url, count, best, since, cpu)
    assert len(answered) == count == answered.total()
    engine.close()
    return result | {"mib_after_a_tenth": memory[0], "mib_at_the_end": memory[-1]}


def ask_command(url: str, count: int, best: float, prompt: str) -> dict[str, Any]:
    """`humpback rate`: reading, asking, writing down each answer, committing shards, writing the file."""
    import humpback.curate  # noqa: F401 - loaded before the clock starts
    from humpback.config import Config
    from humpback.method.settings_file import with_changes
    from humpback.standalone.rate import rate_files

    with tempfile.TemporaryDirectory() as folder:
        pairs, out = Path(folder, "pairs.jsonl"), Path(folder, "ratings.jsonl")
        rows = ({"instruction": f"Say something on {i}.", "response": f"{prompt} {i}."} for i in range(count))
        pairs.write_text("".join(json.dumps(row) + "\n" for row in rows))
        changes = ["model.name=m", "model.engine=openai", f"model.server.base_url={url}", "curate.scorer=rating"]
        since, cpu = time.monotonic(), time.process_time()
        rate_files(pairs, with_changes(Config(), changes), out)
        result = measured(url, count, best, since, cpu)
        ratings = [json.loads(line) for line in out.read_text().splitlines()]
        assert len(ratings) == count == sum(row["score"] == 4 for row in ratings)
    return result | {"mib_at_the_end": resident_mib()}


def ask_plainly(url: str, count: int, best: float, prompt: str, at_once: int) -> dict[str, Any]:
    """A plain client: so many coroutines, each of which asks again until it is answered."""
    import aiohttp

    async def ask() -> None:
        numbers = iter(range(count))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:

            async def work() -> None:
                for number in numbers:
                    body = {
                        "model": "m", "messages": [{"role": "user", "content": f"{number} {prompt}"}], "max_tokens": 96,
                        "temperature": 0.7, "top_p": 0.9, "seed": number,
                    }  # fmt: skip
                    while True:
                        async with client.post(f"{url}/chat/completions", json=body) as answer:
                            content = await answer.json()
                            if answer.status == 200:
                                assert content["choices"][0]["message"]["content"]
                                break
                        await asyncio.sleep(0.05)

            await asyncio.gather(*(work() for _ in range(at_once)))

    since, cpu = time.monotonic(), time.process_time()
    asyncio.run(ask())
    return {"at_once": at_once} | measured(url, count, best, since, cpu)


def ask_peer(url: str, count: int, best: float, peer: str, at_once: int) -> dict[str, Any]:
    """Another tool with an interpreter of its own; 0 requests at a time are its own choice."""
    tool, _, python = peer.partition("=")
    spent = os.times()
    since, cpu = time.monotonic(), time.process_time()
    words = [python, str(Path(__file__).parent / "peers" / "served.py"), tool, url, str(count), str(at_once)]
    ended = subprocess.run(words, capture_output=True, text=True, check=True)
    answers = int(ended.stdout.split()[-1])
    result = measured(url, count, best, since, cpu)
    after = os.times()
    children = after.children_user + after.children_system - spent.children_user - spent.children_system
    result["client_cpu_ms_per_request"] = round(children / count * 1000, 3)
    return {"at_once": at_once, "answers": answers} | result


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * resource.getpagesize() / 2**20, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--serve", nargs=3, type=float, metavar=("SECONDS", "LIMIT", "FAILS"))
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=0.2, help="time of an answer")
    parser.add_argument("--limit", type=int, default=64, help="requests that the server takes at a time")
    parser.add_argument("--fails", type=int, default=50, help="one request in so many fails; 0: none")
    parser.add_argument("--plain", type=int, nargs="*", default=[56, 62, 64, 66], help="at once, by the plain client")
    parser.add_argument("--plain-requests", type=int, default=4_000, help="for choosing the best of these")
    parser.add_argument("--peers", nargs="*", default=[], metavar="TOOL=PYTHON")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(given.serve[0], int(given.serve[1]), int(given.serve[2])))
        return
    server = (given.seconds, given.limit, given.fails)
    best = given.limit / given.seconds
    prompt = "The harbour lies behind a long wall of grey stone, and ships wait there for the tide. " * 12
    results: dict[str, Any] = {
        "server": dict(zip(("seconds", "limit", "fails_one_in"), server, strict=True)),
        "requests": given.requests,
        "limit_per_second": best,
        "load_average": os.getloadavg(),
    }

    def show(name: str, result: dict[str, Any]) -> dict[str, Any]:
        print(name, json.dumps(result), flush=True)
        return result

    for name, ask in (("engine", ask_engine), ("rate", ask_command)):
        with simulated(*server) as url:
            results[name] = show(name, ask(url, given.requests, best, prompt))
    tries = []
    for at_once in given.plain:
        with simulated(*server) as url:
            tries.append(show("plain", ask_plainly(url, given.plain_requests, best, prompt, at_once)))
    if tries:
        chosen = max(tries, key=lambda result: result["per_second"])["at_once"]
        with simulated(*server) as url:
            results["plain"] = show("plain", ask_plainly(url, given.requests, best, prompt, chosen))
        results["plain_tries"] = tries
        results["engine_beside_plain"] = round(results["engine"]["per_second"] / results["plain"]["per_second"], 3)
    results["peers"] = {}
    for peer, at_once in itertools.product(given.peers, (0, given.limit)):
        with simulated(*server) as url:
            name = f"{peer.partition('=')[0]}, {at_once or 'its own number'} at once"
            results["peers"][name] = show(name, ask_peer(url, given.plain_requests, best, peer, at_once))
    if given.out:
        given.out.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
