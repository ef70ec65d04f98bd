# syntax=docker/dockerfile:1

# -- builder: every package by its hash, syncd itself as a wheel; nothing of this stage but /opt/syncd is kept
FROM python:3.13-slim AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_NO_INPUT=1
WORKDIR /build

COPY requirements.lock ./
RUN python -m venv /opt/syncd \
    && /opt/syncd/bin/pip install --no-deps --require-hashes --only-binary=:all: --requirement requirements.lock

# The wheel's builder and what it needs, taken with their hashes out of the developers' lock.
COPY requirements-dev.lock ./
RUN awk '/^[A-Za-z]/ {keep = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/} keep' \
        requirements-dev.lock > requirements-build.lock \
    && python -m venv /build/venv \
    && /build/venv/bin/pip install --no-deps --require-hashes --only-binary=:all: --requirement requirements-build.lock

COPY pyproject.toml README.md ./
COPY syncd ./syncd
RUN /build/venv/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /build/dist . \
    && /opt/syncd/bin/pip install --no-deps --no-index /build/dist/*.whl \
    && /opt/syncd/bin/python -m compileall -q /opt/syncd

# -- the image: runs as nobody in particular, on a read-only root; only the state directory is written
FROM python:3.13-slim
RUN groupadd --system --gid 10001 syncd \
    && useradd --system --uid 10001 --gid syncd --home-dir /var/lib/syncd --shell /usr/sbin/nologin syncd \
    && install --directory --owner=syncd --group=syncd --mode=0700 /var/lib/syncd
COPY --from=builder /opt/syncd /opt/syncd
ENV PATH=/opt/syncd/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=2 \
    SYNCD_STATE_DIRECTORY=/var/lib/syncd \
    SYNCD_OPS__BIND=0.0.0.0:8800
USER 10001:10001
WORKDIR /var/lib/syncd
VOLUME /var/lib/syncd
EXPOSE 8800
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as web; port = os.environ['SYNCD_OPS__BIND'].rpartition(':')[2]; web.urlopen(f'http://127.0.0.1:{port}/livez', timeout=3)"]
ENTRYPOINT ["syncd"]
CMD ["run"]
