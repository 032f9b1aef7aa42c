"""Every error of HishamOS that a caller can act on.

::

    HishamosError
    ├── IdeaError               a brief cannot be accepted (field, fix)
    ├── ProjectKeyError         a key breaks the slug rule
    ├── ProjectNotFoundError    no such project in the store
    ├── ArtifactMissingError    an input of a step has not been made yet
    ├── UnbuildableError        the engine can make nothing of this project
    ├── ApprovalNeededError     a person has to approve an artifact first
    ├── EditError               an edit or a change cannot be made as it was asked for
    ├── ExportError             an export cannot be made as it was asked for
    ├── UsageError              a name or value that there is none of; says what there is
    │   └── InputError          fields of an input are not what they have to be (problems)
    ├── PlanningError           stories that cannot be planned into sprints
    ├── PathError               a path of a generated file breaks a rule
    ├── TreeLimitError          a tree is too large, too deep, or has too many files
    ├── SandboxError            generated code cannot be run: no sandbox, or not one that is allowed
    ├── ToolchainError          the programs for a project's tests cannot be had: index, disk, time
    ├── VerificationError       a generated tree failed its checks
    ├── DeliveryError           a repository or archive could not be made
    │   └── HostError           a Git host refused, or could not be reached (cause, wait)
    ├── ToolMissingError        a program such as git is not on this machine
    ├── StorageError            the disk is full or not writable
    │   └── StoreAwayError      the database cannot be reached; it may be back in a moment
    ├── StoreVersionError       the database is older or newer than this release
    ├── ProjectBusyError        another build of the project is running
    ├── BatchError              a batch cannot be begun, stopped or taken up again as it was asked for
    ├── BatchNotFoundError      no such batch
    ├── DeletionRefusedError    a project may not be deleted yet: the message says what to do first
    ├── AccountError            an account, a member, a token or a password cannot be as it was asked for
    ├── PersonNotFoundError     no such user, organization, token, invitation or webhook
    ├── LoginError              nobody is logged in by what was shown (wait)
    ├── ForbiddenError          the actor may not do this
    ├── ChangedMeanwhileError   somebody else has changed what is to be changed
    ├── RoleError               no such role or task, or a declaration that cannot be read
    └── ModelError              a language model could not be asked, or gave no usable answer
        ├── ModelSetupError     provider, model, structured output or price: the settings are at fault
        │   └── UnknownPriceError   nobody has said what the model costs
        ├── CredentialError     a key is missing, wrong, or cannot be decrypted
        ├── BudgetError         the call could cost more than is left
        ├── AnswerError         no valid answer after all rounds, a refusal, or one cut off for good
        └── ReplayError         replaying, and the answer was never recorded

Messages say what happened, to which project or field, and what to do next.
"""


class HishamosError(Exception):
    """Base of all errors that HishamOS raises on purpose."""


class IdeaError(HishamosError):
    """A brief cannot be accepted.

    Args:
        field: the field at fault, or ``"brief"`` for the text as a whole.
        problem: what is wrong with it.
        fix: what the author should do.
    """

    def __init__(self, field: str, problem: str, fix: str) -> None:
        super().__init__(f"{field}: {problem}. {fix}")
        self.field = field
        self.problem = problem
        self.fix = fix


class ProjectKeyError(HishamosError):
    """A project key breaks the slug rule ``[a-z0-9][a-z0-9-]{0,62}``."""


class ProjectNotFoundError(HishamosError):
    """The store knows no project with that key."""


class ArtifactMissingError(HishamosError):
    """A step's input is not in the store; the step before it has to run first."""


class UnbuildableError(HishamosError):
    """The engine understands nothing of the project that it could implement."""


class ApprovalNeededError(HishamosError):
    """The idea asks for a person's approval of an artifact that nobody has approved yet.

    Args:
        message: what to do.
        artifact: what waits for approval.
    """

    def __init__(self, message: str, artifact: str) -> None:
        super().__init__(message)
        self.artifact = artifact


class EditError(HishamosError):
    """An edit or a change cannot be made as it was asked for; the message names the field and what to do."""


class ExportError(HishamosError):
    """An export cannot be made as it was asked for: an option or a target is at fault."""


class UsageError(HishamosError):
    """Somebody names what there is not: a provider, a channel, a credential; the message says what there is."""


class InputError(UsageError):
    """Fields of an input are not what they have to be.

    Args:
        problems: each field at fault, its path separated by dots, and what is wrong with it.
    """

    def __init__(self, problems: tuple[tuple[str, str], ...]) -> None:
        super().__init__("; ".join(f"{field}: {problem}" for field, problem in problems))
        self.problems = problems


class PlanningError(HishamosError):
    """Stories cannot be planned: a cycle, or a story larger than a sprint.

    Args:
        message: what is wrong.
        stories: ids of the stories at fault.
    """

    def __init__(self, message: str, stories: tuple[str, ...]) -> None:
        super().__init__(message)
        self.stories = stories


class PathError(HishamosError):
    """A path of a generated file is unsafe.

    Args:
        path: the path as it was given.
        rule: the rule it breaks, as a sentence fragment.
    """

    def __init__(self, path: str, rule: str) -> None:
        super().__init__(f"path {path[:120]!r} {rule}")
        self.path = path
        self.rule = rule


class TreeLimitError(HishamosError):
    """A tree breaks a size limit; the message names the limit and its setting."""


class SandboxError(HishamosError):
    """Generated code cannot be run safely: no sandbox works here, or the settings do not allow the one that does."""


class ToolchainError(HishamosError):
    """What a project is tested with could not be made, for reasons that are not the project's; the message says why."""


class VerificationError(HishamosError):
    """A generated tree failed its checks; the report says which."""


class DeliveryError(HishamosError):
    """A repository or an archive could not be made, or does not hold what it should."""


class HostError(DeliveryError):
    """A Git host refused, could not be reached, or answered with something else.

    Args:
        message: what happened and what to do.
        cause: which of the causes in ``delivery.hosts.causes`` it was.
        wait: seconds after which the host says that it may work again, ``None`` where it says nothing.
        done: whether the host may have done what it was asked for although it did not say so.
    """

    def __init__(self, message: str, cause: str, *, wait: float | None = None, done: bool = False) -> None:
        super().__init__(message)
        self.cause = cause
        self.wait = wait
        self.done = done


class ToolMissingError(HishamosError):
    """A program that HishamOS needs is not installed."""


class StorageError(HishamosError):
    """A file could not be written: disk full, read-only, or no permission."""


class StoreAwayError(StorageError):
    """The database of the project store cannot be reached, or was lost in the middle of something."""


class StoreVersionError(HishamosError):
    """The database's schema does not match this release; run ``hishamos db upgrade``."""


class ProjectBusyError(HishamosError):
    """Another process is building the same project."""


class BatchError(HishamosError):
    """A batch cannot be begun, stopped or taken up again as it was asked for; the message says what to do."""


class BatchNotFoundError(HishamosError):
    """No batch of this name."""


class DeletionRefusedError(HishamosError):
    """A project may not be deleted: it is not archived, or would be lost for good."""


class RoleError(HishamosError):
    """There is no such role or task, or a role's declaration cannot be read."""


class WebError(HishamosError):
    """A page or an address may not be reached, or could not be."""


class QueryError(HishamosError):
    """A statement is none that may be asked, or a database has refused it."""


class AgentCallError(HishamosError):
    """An agent's call of the API was refused, or could not be made."""


class ModelError(HishamosError):
    """A model could not be reached, or did not answer, after all retries."""


class ModelSetupError(ModelError):
    """The settings name a provider or model that cannot be used; the message names the setting."""


class UnknownPriceError(ModelSetupError):
    """The price of a model is not known, and nobody has said that it is free."""


class CredentialError(ModelError):
    """A key is missing, is not accepted, or cannot be decrypted."""


class BudgetError(ModelError):
    """A call could cost more than what is left of a budget; the message names the budget and its setting.

    ``scope`` is whose budget it is: that of the call, the project, the batch, the day or the instance.
    """

    def __init__(self, message: str, scope: str = "") -> None:
        super().__init__(message)
        self.scope = scope


class AnswerError(ModelError):
    """A model gave no usable answer: invalid after all rounds, refused, or cut off for good."""


class ReplayError(ModelError):
    """Replaying was asked for, and the store holds no answer to this question."""


class AccountError(HishamosError):
    """An account, a member, a token or a password cannot be as it was asked for; the message says why."""


class PersonNotFoundError(HishamosError):
    """There is no such user, organization, token or invitation, or it is none of the actor's organization."""


class LoginError(HishamosError):
    """Nobody is logged in by what was shown; it is not told which part of it was wrong.

    Args:
        message: what to do.
        wait: seconds after which the next try is looked at; 0 for at once.
        needs_code: whether the password was right, and the second factor is missing.
    """

    def __init__(self, message: str, *, wait: float = 0.0, needs_code: bool = False) -> None:
        super().__init__(message)
        self.wait = wait
        self.needs_code = needs_code


class ForbiddenError(HishamosError):
    """The actor may not do this; the message says what the right for it is called."""


class ChangedMeanwhileError(HishamosError):
    """What is to be changed is not any more what was seen; it has to be read again."""
