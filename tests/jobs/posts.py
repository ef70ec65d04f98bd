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


class DoorPost(Post):
    """Opens a door for each message to one recipient: only then is it taken."""

    def __init__(self, slow: str) -> None:
        super().__init__()
        self._slow = slow
        self.doors: list[asyncio.Event] = []

    async def send(self, message: EmailMessage) -> None:
        """Take the message, at once or when its door is opened."""
        if str(message["To"]) == self._slow:
            self.doors.append(asyncio.Event())
            await self.doors[-1].wait()
        await super().send(message)
