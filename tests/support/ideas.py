"""An idea for tests to which none matters."""

from hishamos_pipeline.core.artifacts.idea import Idea

IDEA = Idea(key="notes", title="Notes")
