"""The generated package as the templates see it: entities, and what the stories do with them."""

from dataclasses import dataclass
from functools import cached_property

from hishamos_pipeline.blueprints.python.bulks import BULKS, Bulk
from hishamos_pipeline.blueprints.python.calculations import Calculation
from hishamos_pipeline.blueprints.python.fields import SQL_KEYWORDS, FieldModel, table, variable
from hishamos_pipeline.blueprints.python.figures import FIGURES, Figure
from hishamos_pipeline.blueprints.python.limits import Limit
from hishamos_pipeline.blueprints.python.selections import SELECTIONS, Selection, ended
from hishamos_pipeline.blueprints.reading import words
from hishamos_pipeline.blueprints.reading.operation import Operation
from hishamos_pipeline.core.artifacts.idea import Entity
from hishamos_pipeline.intake.attributes import attribute_name

# How many records a page holds where nobody says it.
_PAGE_SIZE = 20
# Kinds of operations that change a record in place.
CHANGES = ("update", "status", "assign", "tag", "mark_all")


@dataclass(frozen=True)
class EntityModel:
    """An entity with its fields and what the stories do with it."""

    entity: Entity
    operations: tuple[Operation, ...]
    referrers: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Singular, as people say it."""
        return self.entity.name

    @property
    def labels(self) -> str:
        """Plural, as people say it."""
        return words.plural(self.entity.name)

    @property
    def article(self) -> str:
        """With its article."""
        return words.with_article(self.entity.name)

    @property
    def var(self) -> str:
        """Python name of one record, of its modules, and of the command."""
        return variable(self.entity.name)

    @property
    def vars(self) -> str:
        """Python name of several records."""
        return table(self.entity.name)

    @property
    def cls(self) -> str:
        """Class name."""
        return "".join(part.capitalize() for part in self.var.split("_"))

    @property
    def command(self) -> str:
        """Command-line word."""
        return self.var.replace("_", "-")

    @property
    def collection(self) -> str:
        """Path of all records in a web address; ``/docs`` is where the interface explains itself."""
        return f"/{self.vars.replace('_', '-')}" + ("-records" if self.vars in ("docs", "redoc") else "")

    @cached_property
    def fields(self) -> tuple[FieldModel, ...]:
        """Fields, required ones first."""
        after = {attribute.name: attribute.after for attribute in self.entity.attributes}
        models = [
            FieldModel(attribute, self.var, _depth(attribute.name, after))
            for attribute in self.entity.attributes
        ]
        return tuple(sorted(models, key=lambda field: not field.required))

    @cached_property
    def given(self) -> tuple[FieldModel, ...]:
        """Fields that a new record is given; states that stories change start at their default."""
        changed = {
            item.attributes[0]
            for item in self.operations
            if item.kind in ("tag", "assign")
            or (item.kind == "status" and self.status_value(item) != self.field(item.attributes[0]).default)
        }
        return tuple(field for field in self.fields if field.required or field.attribute.name not in changed)

    @property
    def given_arguments(self) -> str:
        """The same as keyword arguments."""
        return ", ".join(f"{field.name}={field.name}" for field in self.given)

    def reached(self, field: FieldModel) -> Operation | None:
        """The state change that gives a field another value than its default."""
        for item in self.of("status"):
            if item.attributes[0] == field.attribute.name and self.status_value(item) != field.default:
                return item
        return None

    def reached_sample(self, field: FieldModel) -> str:
        """A value that the field can get, as Python source."""
        operation = self.reached(field)
        return self.status_value(operation) if operation else field.sample(1)

    def reached_raw(self, field: FieldModel) -> str:
        """The same value as it is typed."""
        operation = self.reached(field)
        return self.status_sample(operation) if operation else field.raw(1)

    @cached_property
    def editable(self) -> tuple[FieldModel, ...]:
        """Fields that an update may change."""
        named = {name for item in self.of("update") for name in item.attributes}
        if named and all(item.attributes for item in self.of("update")):
            return tuple(field for field in self.fields if field.attribute.name in named)
        return tuple(field for field in self.fields if field in self.given or field.attribute.name in named)

    @cached_property
    def searchable(self) -> tuple[FieldModel, ...]:
        """Fields that a search looks into."""
        named = tuple(dict.fromkeys(name for item in self.of("search") for name in item.attributes))
        texts = tuple(field for field in self.fields if field.type in ("text", "email", "url"))
        everything = any(not item.attributes for item in self.of("search"))
        return texts if everything or not named else tuple(self.field(name) for name in named)

    @cached_property
    def filters(self) -> tuple[FieldModel, ...]:
        """Fields that a list can be filtered by."""
        return self._named("filter")

    @cached_property
    def sorters(self) -> tuple[FieldModel, ...]:
        """Fields that a list can be sorted by."""
        return self._named("sort")

    @cached_property
    def references(self) -> tuple[FieldModel, ...]:
        """Fields that point to other records."""
        return tuple(field for field in self.fields if field.type == "reference")

    @cached_property
    def unique(self) -> tuple[FieldModel, ...]:
        """Fields that no two records share."""
        return tuple(field for field in self.fields if field.attribute.unique)

    @cached_property
    def heading(self) -> FieldModel:
        """The field that a person knows a record by: a required text, or another required field."""
        texts = [field for field in self.fields if field.type in ("text", "email", "url")]
        required = [field for field in self.fields if field.required]
        chosen = [field for field in texts if field.required] + required + texts
        return (chosen or list(self.fields))[0]

    def heading_shown(self, record: str) -> str:
        """Source of the heading as the program prints it, for a test's record."""
        field = self.heading
        if field.optional_none or field.type in ("boolean", "tags"):
            return '""' if field.type != "boolean" else '"no"'
        return f"str({record}.{field.name})"

    def heading_json(self, record: str) -> str:
        """Source of the heading as it is in JSON, for a test's record."""
        field = self.heading
        if field.type in ("boolean", "tags"):
            return "False" if field.type == "boolean" else "[]"
        return f"str({record}.{field.name})"

    @property
    def service(self) -> str:
        """Name under which the services module is imported where records have names too."""
        return f"{self.var}_service"

    def assign_function(self, operation: Operation) -> str:
        """``assign_task``, or with the attribute where there are several."""
        return self._assign_name(operation.attributes[0])

    def assign_function_for(self, field: FieldModel) -> str:
        """The function that assigns a field."""
        return self._assign_name(field.attribute.name)

    def assign_action(self, operation: Operation) -> str:
        """The command-line word of an assignment."""
        several = len(self.of("assign")) > 1
        return f"assign-{operation.attributes[0].replace('_', '-')}" if several else "assign"

    def _assign_name(self, name: str) -> str:
        return f"assign_{self.var}_{name}" if len(self.of("assign")) > 1 else f"assign_{self.var}"

    @property
    def factory(self) -> bool:
        """Whether tests need records of it."""
        is_used = any(item.kind != "create" for item in self.operations)
        return is_used or bool(self.referrers or self.references)

    @property
    def table(self) -> str:
        """SQL table."""
        return f'"{self.vars}"' if self.vars.upper() in SQL_KEYWORDS else self.vars

    @property
    def loads(self) -> bool:
        """Whether all records are read at once."""
        return self.lists or self.has(
            "search", "count", "group", "limit", "export", *SELECTIONS, *FIGURES, *BULKS
        )

    @property
    def lists(self) -> bool:
        """Whether there is a list command."""
        return bool(self.has("list", "filter", "sort", "page"))

    @property
    def keeps_deleted(self) -> bool:
        """Whether deleted records can be found again."""
        return self.has("restore", "deleted")

    @property
    def trash(self) -> str:
        """SQL table of deleted records."""
        return f"{self.vars}_in_trash"

    @property
    def page_name(self) -> str:
        """The parameter that says which page of the list is wanted."""
        return "page_number" if any(field.name == "page" for field in self.fields) else "page"

    @property
    def page_option(self) -> str:
        """The same as an option of the command line."""
        return f"--{self.page_name.replace('_', '-')}"

    @property
    def first_page(self) -> str:
        """The page where none is named, as Python source: the list comes whole where a story asks for that."""
        return "None" if self.has("list") else "1"

    @property
    def page_size(self) -> int:
        """How many records a page of the list holds; 0 where it comes whole."""
        asked = sorted(self.of("page"), key=lambda item: not item.value)
        return int(asked[0].value or _PAGE_SIZE) if asked else 0

    @property
    def gets(self) -> bool:
        """Whether single records are looked up."""
        kinds = ("view", "update", "delete", "status", "assign", "tag", "history", "calculate")
        return self.has(*kinds) or bool(self.referrers)

    @property
    def changes(self) -> bool:
        """Whether records are changed in place."""
        return self.has(*CHANGES)

    def has(self, *kinds: str) -> bool:
        """Whether any story asks for one of these."""
        return any(operation.kind in kinds for operation in self.operations)

    def of(self, kind: str) -> tuple[Operation, ...]:
        """The operations of a kind."""
        return tuple(item for item in self.operations if item.kind == kind)

    def field(self, name: str) -> FieldModel:
        """The field of an attribute."""
        return next(field for field in self.fields if field.attribute.name == name)

    def status_function(self, operation: Operation) -> str:
        """``mark_book_as_lent``."""
        return f"mark_{self.var}_as_{attribute_name(operation.value)}"

    def status_value(self, operation: Operation) -> str:
        """The state as Python source."""
        field = self.field(operation.attributes[0])
        return "True" if field.type == "boolean" else f'"{operation.value}"'

    def status_sample(self, operation: Operation) -> str:
        """The state as the program prints it."""
        return "yes" if self.field(operation.attributes[0]).type == "boolean" else operation.value

    @cached_property
    def statuses(self) -> tuple[Operation, ...]:
        """State changes, each once."""
        return tuple({self.status_function(item): item for item in self.of("status")}.values())

    @cached_property
    def groups(self) -> tuple[FieldModel, ...]:
        """Fields that records are counted by."""
        return self._named("group")

    @cached_property
    def selections(self) -> tuple[Selection, ...]:
        """Lists of some records alone, each once."""
        asked = [self.selection(item) for item in self.operations if item.kind in SELECTIONS]
        return tuple({item.function: item for item in asked}.values())

    def selection(self, operation: Operation) -> Selection:
        """The list that an operation asks for."""
        field = self.field(operation.attributes[0])
        return Selection(operation.kind, operation.value, field, self.var, self.vars, self.label, self.labels)

    @cached_property
    def bulks(self) -> tuple[Bulk, ...]:
        """What is done with all records at once, each once."""
        asked = [self.bulk(item) for item in self.operations if item.kind in BULKS]
        return tuple({item.function: item for item in asked}.values())

    def bulk(self, operation: Operation) -> Bulk:
        """What an operation does with all records."""
        field = self.field(operation.attributes[0]) if operation.attributes else None
        return Bulk(operation.kind, field, operation.value, self.vars, self.labels)

    @cached_property
    def limits(self) -> tuple[Limit, ...]:
        """How many records may belong to another one."""
        return tuple(map(self.limit, dict.fromkeys(self.of("limit"))))

    def limit(self, operation: Operation) -> Limit:
        """The limit that an operation asks for."""
        return Limit(self.field(operation.attributes[0]), operation.value, self.label, self.labels)

    @cached_property
    def calculations(self) -> tuple[Calculation, ...]:
        """What is worked out of a record's values, each once."""
        return tuple(map(self.calculation, dict.fromkeys(self.of("calculate"))))

    def calculation(self, operation: Operation) -> Calculation:
        """What an operation asks to work out."""
        return Calculation(operation.value, tuple(map(self.field, operation.attributes)), self.var)

    def is_single(self, field: FieldModel) -> bool:
        """Whether no two new records may be given the same value of a reference."""
        return field in self.given and any(limit.field == field and limit.most == 1 for limit in self.limits)

    @cached_property
    def ends(self) -> tuple[FieldModel, ...]:
        """Fields that say that a record is done with, so that it is not due any more."""
        return tuple(field for field in self.fields if ended(field))

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        """Sums and averages, each once."""
        asked = dict.fromkeys(item for item in self.operations if item.kind in FIGURES)
        return tuple(map(self.figure, asked))

    def figure(self, operation: Operation) -> Figure:
        """The figure that an operation asks for."""
        by = self.field(operation.attributes[1]) if operation.attributes[1:] else None
        return Figure(operation.kind, self.field(operation.attributes[0]), by, self.vars)

    @property
    def columns_of_files(self) -> str:
        """What a file that is imported names its values, and which it must have."""
        names = ", ".join(field.name for field in self.fields)
        needed = ", ".join(field.name for field in self.fields if field.required)
        return f"names in the file: {names}; needed: {needed}"

    def formats(self, kind: str) -> tuple[str, ...]:
        """File formats of exports or imports."""
        return tuple(dict.fromkeys(item.value for item in self.of(kind)))

    def _named(self, kind: str) -> tuple[FieldModel, ...]:
        names = dict.fromkeys(name for item in self.of(kind) for name in item.attributes)
        return tuple(self.field(name) for name in names)


def _depth(name: str, after: dict[str, str]) -> int:
    """How many dates come before one; a circle of dates ends at once."""
    depth = 0
    while (name := after.get(name, "")) and depth < len(after):
        depth += 1
    return min(depth, 11)
