# The command line in a container: Python, polymask and its dependencies, no compiler, no root.
#
#     docker build -t polymask .
#     docker run --rm --read-only --tmpfs /tmp --user "$(id -u)" -v "$PWD:/data" polymask convert instances.json masks
#
# Extras are chosen when it is built: --build-arg EXTRAS=dataloop,report,s3
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
COPY pyproject.toml README.md LICENSE MANIFEST.in /source/
COPY polymask /source/polymask
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels /source

FROM ${PYTHON}
ARG EXTRAS=report,s3
COPY app/requirements.txt /constraints.txt
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --constraint /constraints.txt "$(ls /wheels/*.whl)[${EXTRAS}]" \
 && pip check
ENV HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /data
USER 1000
RUN polymask --version
ENTRYPOINT ["polymask"]
CMD ["--help"]
