# One image for receiver and worker: `docker run ... receiver`, `docker run ... worker`.
# Another base, for example an internal mirror: --build-arg PYTHON_IMAGE=...
ARG PYTHON_IMAGE=docker.io/library/python:3.13.14-slim-trixie

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
# Exactly what uv.lock says, compiled now since the image's files cannot be written later.
ENV UV_PYTHON_DOWNLOADS=never UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PROJECT_ENVIRONMENT=/opt/pilothouse
RUN pip install --no-cache-dir uv==0.13.9
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --frozen --no-dev --no-install-project
COPY receiver ./receiver
COPY jobs ./jobs
COPY deploy ./deploy
RUN uv sync --frozen --no-dev --no-editable
# The Helm library comes three times over, 85 MB each, and only the one with the full version is loaded.
RUN find /opt/pilothouse -name libhelm_c.so -delete -o -name libhelm_c.so.0 -delete

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="Pilothouse" \
      org.opencontainers.image.description="Keeps Kubernetes clusters equal to Git, within a fraction of a second of a push" \
      org.opencontainers.image.licenses="Apache-2.0"
# tini reaps what a killed git or renderer leaves behind: process 1 must, and Python does not.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates git openssh-client tini \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 pilothouse \
    && useradd --uid 10001 --gid 10001 --create-home --home-dir /var/lib/pilothouse --shell /usr/sbin/nologin pilothouse
COPY --from=build /opt/pilothouse /opt/pilothouse
ENV PATH=/opt/pilothouse/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PILOTHOUSE_DATA_DIR=/var/lib/pilothouse
USER 10001:10001
WORKDIR /var/lib/pilothouse
EXPOSE 8080 8081
ENTRYPOINT ["/usr/bin/tini", "--", "pilothouse"]
