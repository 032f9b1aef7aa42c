"""The domain model of a brief: which things it keeps records of, with which attributes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hishamos_pipeline.blueprints.reading import words
from hishamos_pipeline.blueprints.reading.operation import Operation, reference_to
from hishamos_pipeline.blueprints.reading.operations import Reader, plausible
from hishamos_pipeline.blueprints.reading.rules import read_rule
from hishamos_pipeline.blueprints.reading.text import clauses, statement
from hishamos_pipeline.core.artifacts.idea import Attribute, Entity
from hishamos_pipeline.core.text import linear_re as re
from hishamos_pipeline.intake.attributes import (
    attribute_name,
    guess_type,
    parse_attributes,
    resolve_references,
)
from hishamos_pipeline.intake.wording import is_story, plain, points_below, sentences

_NOUN = r"[a-z]+(?:-[a-z]+)*(?: [a-z]+(?:-[a-z]+)*)?"
_OF = r"(?:to|for|in|on|under) (?:an?|the|each|every|my|their)"
_NEW_RECORD = re.compile(
    rf"(?P<verb>[a-z]+) (?:(?:an?|new|the|my|their|his|her|all|multiple|several|of) )*"
    rf"(?P<noun>{_NOUN}?)(?: {_OF} (?P<first>{_NOUN}?))?(?: (?:with|including) (?P<attrs>.+?))?"
    rf"(?: {_OF} (?P<owner>{_NOUN}))?"
)
# "Make it faster" creates nothing.
_NO_NOUNS = frozenset(
    """the a an it that this these them those all any everything something anything sure
    own different various more custom in out on off up into onto back again over""".split()
)
_ATTRIBUTES = re.compile(
    r"(?:an?|each|every|the) (?P<noun>[a-z][a-z -]*?) (?:has|have|consists of|is described by|"
    r"records|stores|contains|includes) (?P<attrs>.+)"
)
_WISH_CLAUSE = re.compile(
    r"(?:where|in which|that lets|which lets|so that|^[^:]{1,60}:)\s+(?P<wish>[a-z]+ can .+)", re.IGNORECASE
)
_ABILITY_SENTENCE = re.compile(
    r"(?:the |an? )?[a-z]+(?: [a-z]+)? (?:can|may|should be able to) ", re.IGNORECASE
)
_RULE_SENTENCE = re.compile(
    r"\b(?:must(?: not)? be|is required|are required|cannot be|no two)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class DomainModel:
    """Entities with resolved references, and what had to be assumed about them."""

    entities: tuple[Entity, ...]
    assumptions: tuple[str, ...]


def read_domain(
    given: Sequence[Entity], features: Sequence[str], constraints: Sequence[str], prose: str
) -> DomainModel:
    """Collect the entities of a brief: those it lists, and those its features create.

    An attribute comes from the brief's list, from a sentence such as "a book has a title", from a feature
    ("with a title"), or from what an operation needs, such as a status. A thing without any gets a title
    or a name, which is recorded as an assumption.
    """
    entities = {words.singular(entity.name): _singular(entity) for entity in given}
    declared = frozenset(
        (name, attribute.name)
        for name, entity in entities.items()
        for attribute in entity.attributes
        if attribute.choices
    )
    lines = [*features, *constraints, *(point for line in features for point in points_below(line))]
    wishes = [clause for said in map(statement, features) if said.is_wish for clause in clauses(said.want)]
    for clause in wishes:
        _add_created(entities, clause)
    for sentence in [*sentences([prose]), *map(plain, lines)]:
        _add_described(entities, sentence)
    assumptions = _default_attributes(entities)
    entities = {entity.name: entity for entity in resolve_references(entities.values())}
    for clause in wishes:
        for operation in Reader(tuple(entities.values())).clause(clause):
            _extend(entities, operation, declared)
    _loosen_owners(entities, given, wishes)
    for line in lines:
        if rule := read_rule(line, tuple(entities.values())):
            _extend(entities, rule, frozenset())
    return DomainModel(tuple(entities.values()), tuple(assumptions))


# Words that say how many, or how often, and name nothing.
_COUNTING = frozenset(
    """one two three four five six seven eight nine ten first second third several many few twice again once""".split()
)


def _singular(entity: Entity) -> Entity:
    return entity.model_copy(update={"name": words.singular(entity.name)})


def _add_created(entities: dict[str, Entity], clause: str) -> None:
    match = _NEW_RECORD.fullmatch(clause)
    if match is None or Reader(tuple(entities.values())).clause(clause):
        return
    verb = match["verb"]
    if verb not in {*words.CREATE, *words.MANAGE} - {"enter", "save", "store", "keep"}:
        return
    noun = words.singular(match["noun"])
    parts = noun.split()
    if parts[-1] == "item" and len(parts) > 1:
        noun = " ".join(parts[:-1])
    if {words.singular(part) for part in noun.split()} & words.NOT_RECORDS or verb == noun:
        return
    if parts[0] in _NO_NOUNS or noun in _NO_NOUNS or {parts[0], parts[-1]} & _COUNTING:
        return
    if any(item.name == attribute_name(noun) for entity in entities.values() for item in entity.attributes):
        return  # it is a part of something that is kept
    try:
        described = parse_attributes(match["attrs"]) if match["attrs"] else ()
    except ValueError:
        return
    if not all(plausible(attribute) for attribute in described):
        return
    entity = Entity(name=noun, attributes=described)
    if match["first"] and match["owner"]:
        return
    owner = words.singular(match["first"] or match["owner"] or "")
    if owner:
        if owner not in entities:
            return
        entity = Entity(name=noun, attributes=(*described, reference_to(owner)))
    if noun not in entities:
        entities[noun] = entity


def _add_described(entities: dict[str, Entity], sentence: str) -> None:
    match = _ATTRIBUTES.fullmatch(sentence.lower())
    if match is None:
        return
    noun = words.singular(match["noun"])
    if noun not in entities:
        return
    try:
        described = parse_attributes(match["attrs"])
    except ValueError:
        return
    if all(plausible(attribute) for attribute in described):
        entities[noun] = _merged(entities[noun], described)


def _default_attributes(entities: dict[str, Entity]) -> list[str]:
    assumptions = []
    for name, entity in entities.items():
        if any(attribute.type != "reference" for attribute in entity.attributes):
            continue
        label = "name" if name.split()[-1] in words.PEOPLE else "title"
        if name in ("comment", "note", "message", "remark"):
            label = "text"
        entities[name] = _merged(entity, (Attribute(name=label, required=True),))
        assumptions.append(
            f"The brief names no attributes of {words.with_article(name)}; a {label} is assumed."
        )
    return assumptions


def _extend(entities: dict[str, Entity], operation: Operation, declared: frozenset[tuple[str, str]]) -> None:
    """Add what an operation needs; a choice whose values the brief lists is complete as it is."""
    entity = entities[operation.entity]
    needs = [need for need in operation.needs if (entity.name, need.name) not in declared]
    if needs:
        entities[operation.entity] = _merged(entity, needs)


def _loosen_owners(entities: dict[str, Entity], given: Sequence[Entity], wishes: Sequence[str]) -> None:
    """Where one story adds a song to a playlist and another one just a song, the playlist is optional."""
    listed = {(words.singular(entity.name), a.name) for entity in given for a in entity.attributes}
    reader = Reader(tuple(entities.values()))
    creations = [op for clause in wishes for op in reader.clause(clause) if op.kind == "create"]
    for name, entity in entities.items():
        owners = [{need.name for need in op.needs if need.target} for op in creations if op.entity == name]
        if len(owners) < 2:
            continue
        entities[name] = entity.model_copy(
            update={
                "attributes": tuple(
                    attribute.model_copy(update={"required": False})
                    if attribute.target
                    and (name, attribute.name) not in listed
                    and not all(attribute.name in owned for owned in owners)
                    else attribute
                    for attribute in entity.attributes
                )
            }
        )


def _merged(entity: Entity, more: Iterable[Attribute]) -> Entity:
    """The entity with more attributes; what is said twice is joined, a restriction is never lost."""
    attributes = {attribute.name: attribute for attribute in entity.attributes}
    for new in more:
        old = attributes.get(new.name)
        if old is None:
            attributes[new.name] = new
            continue
        update = new.model_dump(exclude_unset=True)
        # Whether a record needs its owner is said where the attributes are listed; a story only uses it.
        update["required"] = old.required if old.target else old.required or new.required
        update["unique"] = old.unique or new.unique
        added = [choice for choice in new.choices if choice != "open"] if old.choices else new.choices
        update["choices"] = tuple(dict.fromkeys((*old.choices, *added)))
        if new.type == guess_type(new.name):  # nobody has said it: what was said before counts
            update["type"] = old.type
        attributes[new.name] = old.model_copy(update=update)
    return entity.model_copy(update={"attributes": tuple(attributes.values())})


def features_in_prose(prose: str) -> tuple[str, ...]:
    """Sentences of plain prose that say what somebody can do, for a brief without a list."""
    found: list[str] = []
    for sentence in sentences([prose]):
        if is_story(sentence):  # what comes after "so that" is why, and no wish
            found.append(sentence)
            continue
        if clause := _WISH_CLAUSE.search(sentence):
            said = statement(clause["wish"])
            # One story for each clause: a clause that no rule knows must not take the others with it.
            found.extend(f"{said.actor} can {part}" for part in clauses(said.want))
            continue
        said = statement(sentence)
        if not said.is_wish:
            continue
        if _ABILITY_SENTENCE.match(sentence) or (said.actor != "user" and said.want != sentence):
            found.append(sentence)
    return tuple(found)


def rules_in_prose(prose: str) -> tuple[str, ...]:
    """Sentences of plain prose that restrict a value."""
    return tuple(sentence for sentence in sentences([prose]) if _RULE_SENTENCE.search(sentence))
