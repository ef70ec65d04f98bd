"""How one would write it who did not think of being killed: ask, then mark; mark, then queue; send, then mark.

It keeps its promises for as long as it lives. What it does when it is killed, the harness must find.
"""

from collections.abc import Mapping
from email.message import EmailMessage

import aiohttp
import aiosmtplib
import aiosqlite

SCHEMA = """
    CREATE TABLE IF NOT EXISTS contracts (mission_id PRIMARY KEY, contract_id);
    CREATE TABLE IF NOT EXISTS letters (mission_id, recipient, is_sent);
"""


async def make_pass(environment: Mapping[str, str]) -> None:
    """Initialise every apprentice's contract, and tell the student and the company."""
    ledger_file, store_file = (
        environment[name].removeprefix("sqlite:///") for name in ("SYNCD_DATABASE__URL", "SYNCD_MISSIONS__URL")
    )
    async with aiosqlite.connect(ledger_file) as ledger, aiosqlite.connect(store_file) as store:
        await ledger.executescript(SCHEMA)
        store.row_factory = aiosqlite.Row
        missions = await store.execute_fetchall("SELECT * FROM validated_missions WHERE track = 'apprentissage'")
        known = {mission_id for (mission_id,) in await ledger.execute_fetchall("SELECT mission_id FROM contracts")}
        for mission in missions:
            if mission["mission_id"] not in known:
                await _initialise(environment["SYNCD_CACTUS__BASE_URL"], ledger, mission)
        for letter in await ledger.execute_fetchall("SELECT mission_id, recipient FROM letters WHERE NOT is_sent"):
            await _send(int(environment["SYNCD_MAIL__PORT"]), ledger, *letter)


async def _initialise(base_url: str, ledger: aiosqlite.Connection, mission: aiosqlite.Row) -> None:
    mission_id = mission["mission_id"]
    student, company = {"number": mission["student_number"]}, {"siret": mission["company_siret"]}
    body = {"external_reference": mission_id, "student": student, "company": company}
    async with (
        aiohttp.ClientSession() as cactus,
        cactus.post(f"{base_url}/contracts", json=body, headers={"Idempotency-Key": mission_id}) as answer,
    ):
        contract = await answer.json()
    await ledger.execute("INSERT INTO contracts VALUES (?, ?)", [mission_id, contract["contract_id"]])
    await ledger.commit()
    for recipient in (mission["student_email"], mission["hr_contact_email"]):
        await ledger.execute("INSERT INTO letters VALUES (?, ?, FALSE)", [mission_id, recipient])
    await ledger.commit()


async def _send(port: int, ledger: aiosqlite.Connection, mission_id: str, recipient: str) -> None:
    message = EmailMessage()
    message["From"], message["To"] = "alternance@example.org", recipient
    message["Message-ID"] = f"<{mission_id}.{recipient}>"
    message["X-Syncd-Event"], message["X-Syncd-Mission"] = "contract.initialised", mission_id
    message.set_content("Bonjour")
    await aiosmtplib.send(message, hostname="127.0.0.1", port=port, start_tls=False)
    await ledger.execute(
        "UPDATE letters SET is_sent = TRUE WHERE mission_id = ? AND recipient = ?", [mission_id, recipient]
    )
    await ledger.commit()
