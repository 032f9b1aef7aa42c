"""Which language a brief is in, by its commonest words; the blueprint engine reads English only."""

from collections import Counter
from collections.abc import Mapping

from hishamos_pipeline.core.text import linear_re as re

# Words that one language has in nearly every paragraph, and English has not.
_WORDS: Mapping[str, str] = {
    "German": "und der die das ein eine einen mit können kann nicht für ist als auf ich von den dem oder sich werden",
    "French": "le la les des une un et pour avec peut peuvent est dans que sur qui je en tant du ses par",
    "Spanish": "el la los las una un y para con puede pueden es en que por como quiero del su al",
    "Portuguese": "o os as uma um e para com pode podem é em que por como quero do da dos não",
    "Italian": "il lo gli le una un e per con può possono è in che di come voglio del della non",
    "Dutch": "de het een en voor met kan kunnen is in dat als ik van te niet zijn wil",
    "Polish": "i w z na do może mogą jest nie się jako chcę że dla lub oraz po",
    "Turkish": "bir ve ile için olarak bu da de olan kullanıcı istiyorum eder edebilir veya gibi",
}
_ENGLISH = frozenset(
    """the and with can of to is are that they their want should must by from it this have will as for or be on
    when""".split()
)
# Scripts that tell the language, or what it is at least.
_SCRIPTS = (
    ("Japanese", r"[\p{Hiragana}\p{Katakana}]"),
    ("Chinese", r"\p{Han}"),
    ("Korean", r"\p{Hangul}"),
    ("Arabic", r"\p{Arabic}"),
    ("Russian", r"\p{Cyrillic}"),
    ("Greek", r"\p{Greek}"),
    ("Hebrew", r"\p{Hebrew}"),
    ("Hindi", r"\p{Devanagari}"),
)
_LETTERS = re.compile(r"\p{L}")
_MOST_READ, _FOREIGN_SHARE, _LEAST_WORDS = 50_000, 0.3, 2


def foreign_language(text: str) -> str:
    """The language of a text that is not English, in English; empty for English, and where nothing tells."""
    text = text[:_MOST_READ].casefold()
    letters = len(_LETTERS.findall(text))
    for language, pattern in _SCRIPTS:
        if letters and len(re.findall(pattern, text)) >= _FOREIGN_SHARE * letters:
            return language
    words = Counter(re.findall(r"[\p{L}\p{M}]+", text))
    counts = {language: sum(words[word] for word in known.split()) for language, known in _WORDS.items()}
    best = max(counts, key=lambda language: counts[language])
    english = sum(words[word] for word in _ENGLISH)
    return best if counts[best] >= _LEAST_WORDS and counts[best] > 2 * english else ""


def reads_english_only(language: str) -> str:
    """What to say of a brief in another language to whoever has no model."""
    engine = "the engine that needs no key reads English only"
    return f"this looks like {language}, and {engine}: name a model in HISHAMOS_LLM"
