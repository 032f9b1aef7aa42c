"""People's edits and what engines propose against them."""

import json
from collections.abc import Sequence

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from hishamos_pipeline.core.artifacts.editing import WORDED, Edit, Proposal, item_hash
from hishamos_pipeline.core.artifacts.items import Item
from hishamos_pipeline.core.text.hashing import canonical_json
from hishamos_pipeline.errors import ArtifactMissingError
from hishamos_pipeline.store.audit.repository import audit
from hishamos_pipeline.store.edits.records import ActiveEdit, OpenProposal
from hishamos_pipeline.store.edits.tables import EditRow, ProposalRow
from hishamos_pipeline.store.events.repository import emit
from hishamos_pipeline.store.records import record
from hishamos_pipeline.store.sessions import Sessions, find_project, insert_new, stored_text


class Edits:
    """Keeps edits and proposals."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def add(self, key: str, edits: Sequence[Edit], *, author: str, reason: str = "") -> None:
        """Keep edits; an earlier one of the same item is withdrawn, and what it was based on stays the base."""
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            project = find_project(session, key)
            for edit in edits:
                earlier = session.scalars(
                    _active(project.id, edit.kind).where(EditRow.item == edit.item)
                ).all()
                for row in earlier:
                    row.withdrawn = True
                _close(session, [row.id for row in earlier])
                base = earlier[0].base if earlier else edit.base
                seen = earlier[0].base_content if earlier else _text(edit.seen)
                if item_hash(edit.content) == base:
                    continue  # it is the engine's text again
                session.add(
                    EditRow(
                        project_id=project.id, kind=edit.kind, item=edit.item, content=_text(edit.content),
                        base=base, base_content=seen, author=author, edited_at=now,
                        # What somebody has written by hand is in it: it stands like that.
                        reason=reason if all(row.reason.startswith(WORDED) for row in earlier)
                        else reason.removeprefix(WORDED),
                    )
                )  # fmt: skip
            items = [f"{edit.kind}/{edit.item}" for edit in edits]
            for item in items[:50]:
                emit(session, now, project, "edit.made", item, by=author, reason=reason)
            audit(
                session,
                now,
                "artifact.edit",
                key,
                items=items[:50],
                by=author,
                reason=stored_text(reason, 500),
            )

    def active(self, key: str, artifact: str) -> list[Edit]:
        """The edits of an artifact that hold, the oldest first."""
        with self._sessions.read() as session:
            project = find_project(session, key)
            rows = session.scalars(_active(project.id, artifact).order_by(EditRow.id))
            return [
                Edit(row.kind, row.item, _content(row.content), row.base, _content(row.base_content), row.id)
                for row in rows
            ]

    def all_active(self, key: str) -> list[ActiveEdit]:
        """The edits of a project that hold, the oldest first.

        Raises:
            ProjectNotFoundError: there is no such project.
        """
        with self._sessions.read() as session:
            project = find_project(session, key)
            mine = (EditRow.project_id == project.id, EditRow.withdrawn.is_(False))
            rows = session.scalars(select(EditRow).where(*mine).order_by(EditRow.id))
            return [record(ActiveEdit, row) for row in rows]

    def withdraw(self, key: str, artifact: str, item: str) -> None:
        """Let an engine's text stand again for an item."""
        with self._sessions.write() as session:
            project = find_project(session, key)
            rows = session.scalars(_active(project.id, artifact).where(EditRow.item == item)).all()
            for row in rows:
                row.withdrawn = True
            _close(session, [row.id for row in rows])

    def propose(self, key: str, artifact: str, proposals: Sequence[Proposal]) -> None:
        """Keep what is proposed now against edits of an artifact; open proposals that nobody makes any more go."""
        now = self._sessions.clock.now()
        with self._sessions.write() as session:
            project = find_project(session, key)
            rows = [
                {
                    "project_id": project.id,
                    "edit_id": proposal.edit,
                    "kind": proposal.kind,
                    "item": proposal.item,
                    "content": _text(proposal.content),
                    "content_hash": item_hash(proposal.content),
                    "status": "open",
                    "proposed_at": now,
                }
                for proposal in proposals
            ]
            said = {(proposal.edit, item_hash(proposal.content)) for proposal in proposals}
            open_ = select(ProposalRow).where(
                ProposalRow.project_id == project.id,
                ProposalRow.kind == artifact,
                ProposalRow.status == "open",
            )
            for row in session.scalars(open_):
                if (row.edit_id, row.content_hash) not in said:
                    session.delete(row)
            session.flush()
            known = set(session.scalars(open_.with_only_columns(ProposalRow.content_hash)))
            insert_new(session, ProposalRow, rows)
            for made in rows:
                if made["content_hash"] not in known:
                    emit(session, now, project, "proposal.made", f"{artifact}/{made['item']}")

    def proposals(self, key: str) -> list[OpenProposal]:
        """The open proposals of a project."""
        with self._sessions.read() as session:
            project = find_project(session, key)
            query = select(ProposalRow).where(
                ProposalRow.project_id == project.id, ProposalRow.status == "open"
            )
            return [record(OpenProposal, row) for row in session.scalars(query.order_by(ProposalRow.id))]

    def proposal(self, key: str, number: int) -> OpenProposal:
        """An open proposal.

        Raises:
            ArtifactMissingError: there is no such one.
        """
        found = next((row for row in self.proposals(key) if row.id == number), None)
        if found is None:
            raise ArtifactMissingError(
                f"project {key!r} has no open proposal {number}: see `hishamos proposals list {key}`"
            )
        return found

    def decide(self, number: int, *, accept: bool) -> None:
        """Close a proposal; after a rejection, the edit is no longer in question for the same text."""
        with self._sessions.write() as session:
            row = session.get_one(ProposalRow, number)
            row.status = "accepted" if accept else "rejected"
            if not accept:
                edit = session.get_one(EditRow, row.edit_id)
                edit.base, edit.base_content = row.content_hash, row.content


def _close(session: Session, edits: Sequence[int]) -> None:
    """Proposals against edits that do not stand any more are about nothing."""
    if edits:
        session.execute(
            update(ProposalRow)
            .where(ProposalRow.edit_id.in_(edits), ProposalRow.status == "open")
            .values(status="rejected")
        )


def _active(project: int, artifact: str) -> Select[EditRow]:
    return select(EditRow).where(
        EditRow.project_id == project, EditRow.kind == artifact, EditRow.withdrawn.is_(False)
    )


def _text(content: Item) -> str:
    return "" if content is None else canonical_json(content)


def _content(text: str) -> Item:
    found: Item = json.loads(text) if text else None
    return found
