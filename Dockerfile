# The hub against a PostgreSQL of its own (IOC_DATABASE_URL). Build: docker build -t ioc-hub .
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml hatch_build.py README.md ./
COPY openapi openapi
COPY web web
COPY app app
COPY migrations migrations
RUN /venv/bin/pip install --no-cache-dir --no-deps .

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/ioc-hub ioc
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH IOC_HOST=0.0.0.0 IOC_DATA_DIR=/var/lib/ioc-hub
USER 10001
WORKDIR /var/lib/ioc-hub
VOLUME /var/lib/ioc-hub
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
CMD ["ioc-hub", "up"]
