"""Bugs in what is kept: transactions, leases, tokens, journals."""

from tests.faults.seeded_bugs.bug import Bug, Edit

_CLAIMS = "syncd/store/claims.py"
_WRITING = "syncd/store/writing.py"
_AMENDMENTS = "syncd/store/amendments.py"
_FAULTS = "tests/conformance/test_ledger_faults.py"
_CLOCKS = "tests/faults/replicas/test_clocks.py"
_VAULT = "tests/adapters/documents/test_vault.py"

LEDGER = (
    Bug(
        name="outbox in its own transaction",
        story="Short transactions are good ones: letters are queued right after what they tell of is committed.",
        edits=(
            Edit(
                path=_WRITING,
                old="""\
        if self._letters:
            await insert_rows(tx, letters, self._letters, are_new=False)
        if self._entries:
""",
                new="""\
        if self._entries:
""",
            ),
            Edit(
                path=_WRITING,
                old="""\
    async def _update_contracts(self, tx: Transaction) -> None:
""",
                new="""\
    async def queue_letters(self, tx: Transaction) -> None:
        if self._letters:
            await insert_rows(tx, letters, self._letters, are_new=False)

    async def _update_contracts(self, tx: Transaction) -> None:
""",
            ),
            Edit(
                path=_AMENDMENTS,
                old="""\
        async def work(tx: Transaction) -> frozenset[MissionId]:
            changes = Changes(now=now, domain=self._identity.message_domain)
""",
                new="""\
        afterwards: list[Changes] = []

        async def work(tx: Transaction) -> frozenset[MissionId]:
            changes = Changes(now=now, domain=self._identity.message_domain)
            afterwards[:] = [changes]
""",
            ),
            Edit(
                path=_AMENDMENTS,
                old="""\
            return frozenset(written)

        return await self._database.write(work)
""",
                new="""\
            return frozenset(written)

        amended = await self._database.write(work)
        for changes in afterwards:
            await self._database.write(changes.queue_letters)
        return amended
""",
            ),
            Edit(
                path=_CLAIMS,
                old="""\
        async def work(tx: Transaction) -> tuple[Claim | None, ...]:
            changes = Changes(now=now, domain=self._identity.message_domain)
""",
                new="""\
        afterwards: list[Changes] = []

        async def work(tx: Transaction) -> tuple[Claim | None, ...]:
            changes = Changes(now=now, domain=self._identity.message_domain)
            afterwards[:] = [changes]
""",
            ),
            Edit(
                path=_CLAIMS,
                old="""\
            return tuple(claims.get(outcome.mission_id) for outcome in outcomes)

        return await self._database.write(work)
""",
                new="""\
            return tuple(claims.get(outcome.mission_id) for outcome in outcomes)

        recorded = await self._database.write(work)
        for changes in afterwards:
            await self._database.write(changes.queue_letters)
        return recorded
""",
            ),
            Edit(
                path=_CLAIMS,
                old="""\
            changes = Changes(now=now, domain=self._identity.message_domain)
            batch = await load(tx, picked.rows)
""",
                new="""\
            changes = Changes(now=now, domain=self._identity.message_domain)
            afterwards[:] = [changes]
            batch = await load(tx, picked.rows)
""",
            ),
            Edit(
                path=_CLAIMS,
                old="""\
        async def work(tx: Transaction) -> Claimed:
""",
                new="""\
        afterwards: list[Changes] = []

        async def work(tx: Transaction) -> Claimed:
""",
            ),
            Edit(
                path=_CLAIMS,
                old="""\
            return Claimed(claims=claims, settled=len(batch.loaded) - len(claims))

        return await self._database.write(work)
""",
                new="""\
            return Claimed(claims=claims, settled=len(batch.loaded) - len(claims))

        claimed = await self._database.write(work)
        for changes in afterwards:
            await self._database.write(changes.queue_letters)
        return claimed
""",
            ),
        ),
        catchers=(
            f"{_FAULTS}::test_i05_a_process_that_dies_between_two_transactions_leaves_no_fact_without_its_letter",
        ),
    ),
    Bug(
        name="no fencing",
        story="A lease is there so that nobody else works on a contract: no need to check again when recording.",
        edits=(
            Edit(
                path=_CLAIMS,
                old="""\
    return (_c.lease_owner == bindparam("holder")) & is_named & is_among(_CLAIM, "claims", is_postgres=is_postgres)
""",
                new="""\
    return is_named
""",
            ),
            Edit(
                path=_CLAIMS,
                old="""\
        "holder": replica, "lease": lease,
""",
                new="""\
        "lease": lease,
""",
            ),
            Edit(
                path=_CLAIMS,
                old="""\
        "claims": [f"{mission_id} {token}" for mission_id, token in claims],
""",
                new="",
            ),
            Edit(
                path=_CLAIMS,
                old="""\
    if one.row["lease_token"] != outcome.token + 1:  # applied already, by a commit whose reply was lost
        return Amendment(facts=one.facts)
""",
                new="",
            ),
        ),
        catchers=("tests/conformance/test_ledger_claims.py::test_l02_a_stale_token_never_writes",),
    ),
    Bug(
        name="swallowed cancellation",
        story="What was begun has come to its end: its result can be handed on as if nobody had asked to stop.",
        edits=(
            Edit(
                path="syncd/jobs/advance.py",
                old="""\
        except Exception as error:
            log.error("contract.crashed", mission_id=claim.facts.mission_id, exc_info=error)
            return crashed""",
                new="""\
        except (Exception, asyncio.CancelledError) as error:
            log.error("contract.crashed", mission_id=claim.facts.mission_id, exc_info=error)
            return crashed""",
            ),
        ),
        catchers=(
            "tests/jobs/test_advance.py::test_what_a_stop_cannot_wait_for_is_found_out_by_the_next_process",
            "tests/test_daemon.py::test_c04_what_hangs_is_left_safe_and_its_lease_is_given_back",
        ),
    ),
    Bug(
        name="default BEGIN",
        story="SQLite locks a file by itself as soon as something is written.",
        edits=(
            Edit(
                path="syncd/store/sqlite.py",
                old="""\
        is_write = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_write else "BEGIN")
""",
                new="""\
        connection.exec_driver_sql("BEGIN")
""",
            ),
        ),
        catchers=(
            f"{_FAULTS}::test_b01_nobody_else_begins_to_write_between_a_reading_and_the_writing_that_follows_from_it",
        ),
    ),
    Bug(
        name="attempts counted after the work",
        story="A crash is counted by whoever finds it: it is known only then.",
        edits=(
            Edit(
                path="syncd/store/leasing.py",
                old="""\
            lease_token=_c.lease_token + 1,
            crashes=case((_c.lane == Lane.SUSPECT, _c.crashes + 1), else_=0),
""",
                new="""\
            lease_token=_c.lease_token + 1,
""",
            ),
            Edit(
                path=_CLAIMS,
                old="""\
    taken_back = held.values(lease_token=_c.lease_token + 1, lease_until=until, crashes=0)
""",
                new="""\
    crashes = case((_c.lane == Lane.SUSPECT, _c.crashes + 1), else_=0)
    taken_back = held.values(lease_token=_c.lease_token + 1, lease_until=until, crashes=crashes)
""",
            ),
            Edit(path=_CLAIMS, old="from sqlalchemy import ", new="from sqlalchemy import case, "),
        ),
        catchers=(
            "tests/conformance/test_ledger_claims.py::test_q10_a_contract_that_crashes_alone_three_times_is_quarantined",
        ),
    ),
    Bug(
        name="document row before its file",
        story="The file's name is known at once: writing it can go on in the background.",
        edits=(
            Edit(
                path="syncd/adapters/documents/vault.py",
                old="""\
        return await asyncio.to_thread(self._store, name, content)
""",
                new="""\
        file_id = f"{self._new_id()}.bin"
        asyncio.get_running_loop().run_in_executor(None, self._store, file_id, name, content)
        return file_id
""",
            ),
            Edit(
                path="syncd/adapters/documents/vault.py",
                old="""\
    def _store(self, name: DocumentName, content: bytes) -> str:
        file_id = f"{self._new_id()}.bin"
        if""",
                new="""\
    def _store(self, file_id: str, name: DocumentName, content: bytes) -> str:
        if""",
            ),
        ),
        catchers=(f"{_VAULT}::test_p08_a_file_is_synced_before_it_is_named_and_its_folder_before_it_is_returned",),
    ),
    Bug(
        name="a replica goes by its own clock",
        story="Every machine here has a time server: asking the database what time it is buys nothing.",
        edits=(
            Edit(
                path="syncd/store/commits.py",
                old="""\
    clock.agree_with(begun[0].astimezone(UTC), within=timedelta(seconds=clock.monotonic() - asked_at))
""",
                new="",
            ),
        ),
        catchers=(f"{_CLOCKS}::test_t04_every_transaction_tells_a_replica_the_time_of_the_database",),
    ),
)
