# syntax=docker/dockerfile:1
# Two stages: the first installs from the lock file, the second has no build tools, no package manager and no root.
ARG PYTHON=python:3.12-slim-bookworm

FROM ${PYTHON} AS build
WORKDIR /app
COPY requirements.lock ./
RUN python -m venv .venv \
    && .venv/bin/python -m pip install --quiet --no-cache-dir --require-hashes --only-binary :all: -r requirements.lock \
    && .venv/bin/python -m pip uninstall --quiet --yes pip
COPY proxy ./proxy
RUN .venv/bin/python -m compileall -q proxy

FROM ${PYTHON}
RUN python -m pip uninstall --quiet --yes pip setuptools wheel \
    && install --directory --owner 65532 --group 65532 --mode 0700 /app/.outrigger
WORKDIR /app
COPY --from=build /app /app
COPY config.yaml ./
USER 65532:65532
ENV PATH=/app/.venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1
VOLUME ["/app/.outrigger"]
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["python", "-m", "proxy", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "proxy"]
CMD ["run"]
