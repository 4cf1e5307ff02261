# The book with its environment; the versions stand in constraints.txt, the steps in the Makefile.
# For a torch without CUDA (README, "A small torch") add the CPU builds as an index:
#   docker build --build-arg PIP_EXTRA_INDEX_URL=... -t sportsml_lite .
FROM python:3.11-slim
RUN apt-get update && apt-get install -y --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/* && useradd --create-home reader
USER reader
WORKDIR /home/reader/sportsml_lite
COPY --chown=reader . .
ARG PIP_EXTRA_INDEX_URL
RUN make .venv/.ready
EXPOSE 8888
CMD [".venv/bin/jupyter", "lab", "--ip=0.0.0.0", "--no-browser", "notebooks"]
