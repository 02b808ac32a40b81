"""
An SMS gateway that takes its time: `python benchmark_gateway.py 0.05`.

It prints its port, answers every call with an id after so many seconds, and serves until
its standard input ends.
"""

import asyncio
import sys

HEAD_END = b"\r\n\r\n"


class Call(asyncio.Protocol):
    """One kept connection."""

    latency = 0.05

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self.transport = transport
        self.unread = b""

    def data_received(self, data: bytes) -> None:
        """Answer each whole call, later."""
        self.unread += data
        head, end, body = self.unread.partition(HEAD_END)
        if not end:
            return
        length = next(
            int(line.partition(b":")[2])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        )
        if len(body) >= length:
            self.unread = body[length:]
            asyncio.get_running_loop().call_later(self.latency, self.answer)

    def answer(self) -> None:
        """Take the message."""
        said = b'{"id": "taken"}'
        self.transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(said), said)
        )


async def serve() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Call, "127.0.0.1", 0, backlog=500)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    Call.latency = float(sys.argv[1])
    asyncio.run(serve())
