"""Mail servers that try a deliverer's patience."""

import asyncio
from email.message import EmailMessage

from tests.jobs.workshop import Post


class SlowPost(Post):
    """Does not come to an end with one recipient (`*`: with anybody) until it is let go."""

    def __init__(self, slow: str) -> None:
        super().__init__()
        self.slow = slow
        self.may_go_on = asyncio.Event()
        self.begun = 0

    async def send(self, message: EmailMessage) -> None:
        """Take the message, at once or later."""
        self.begun += 1
        if self.slow in ("*", str(message["To"])):
            await self.may_go_on.wait()
        await super().send(message)
