"""A program that answers like a model server, and misbehaves when a request asks for it.

It stands for a model server where a test is about the gateway: it is up in a moment, answers in a moment, and can be
told to die in the middle. The first word of the body's `instances[0].do` says what: `die` ends the process without an
answer, `half` sends half of one and ends, `wait` sleeps `seconds`, `fail` answers 500, `away` answers 503, `chunks`
answers in chunks. Anything else gets `{"predictions": [{"score": S}]}` for each row.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys


async def answer(reader, writer, name, score):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            if head.startswith("GET /v2/health/ready"):
                reply(writer, 200, {"ready": True}, name)
                continue
            try:
                rows = json.loads(body)["instances"]
                wish = rows[0]
            except (ValueError, KeyError, IndexError):
                rows, wish = [], {}
            do = wish.get("do", "")
            if do == "wait":
                await asyncio.sleep(wish["seconds"])
            if do == "die":
                os._exit(9)
            if do == "half":
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
                await writer.drain()
                os._exit(9)
            if do == "chunks":
                part = json.dumps({"predictions": [{"score": score}]}).encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
                for half in (part[:5], part[5:]):
                    writer.write(b"%x\r\n%b\r\n" % (len(half), half))
                writer.write(b"0\r\n\r\n")
            elif do in {"fail", "away"}:
                reply(writer, 500 if do == "fail" else 503, {"error": f"{do}s"}, name)
            elif do == "echo":
                reply(writer, 200, {"head": head, "bytes": len(body)}, name)
            else:
                reply(writer, 200, {"predictions": [{"score": score}] * len(rows)}, name)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def reply(writer, status, document, name):
    body = json.dumps(document).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\npenstock-bundle: sha256:{name}\r\n"
    writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)


async def main(name, port, score):
    server = await asyncio.start_server(
        lambda reader, writer: answer(reader, writer, name, score), "127.0.0.1", port, limit=2**27, backlog=2048
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
