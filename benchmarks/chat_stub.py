"""A server with the OpenAI chat protocol that answers each request after a delay, in seconds: its argument."""

import asyncio
import json
import re
import sys

_ANSWER = {
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": '{"answer": "yes"}'}, "finish_reason": "stop"},
    ],
    "usage": {"prompt_tokens": 300, "completion_tokens": 6, "total_tokens": 306},
}
_BODY = json.dumps(_ANSWER).encode()
_RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(_BODY), _BODY)


async def answer_requests(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Answer the requests of one connection."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            (n_bytes,) = re.findall(rb"(?i)content-length: *(\d+)", head)
            await reader.readexactly(int(n_bytes))
            await asyncio.sleep(delay)
            writer.write(_RESPONSE)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def serve(delay: float) -> None:
    """Serve until the process is stopped, and print the port."""
    server = await asyncio.start_server(
        lambda reader, writer: answer_requests(reader, writer, delay), "127.0.0.1", 0, limit=1 << 24
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
