LOCK = .venv/bin/uv pip compile -q --universal --generate-hashes --no-header --no-strip-extras --python-version 3.11 --no-emit-index-url
lock:
	.venv/bin/pip install -q uv
	$(LOCK) --extra build pyproject.toml -o requirements.lock
	$(LOCK) --extra build --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
