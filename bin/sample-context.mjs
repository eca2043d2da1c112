// A small build for measuring starts and for warming the code cache: three stages, a few hundred files, no registry.
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FILES = 300;

const HEAD = `FROM scratch AS base
COPY src/0.c /bin/
ENV PATH=/bin LANG=C
`;

const HEAD_WITH_SHELL = `FROM scratch AS base
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
ENV PATH=/bin LANG=C
`;

const STEPS = `FROM base AS build
WORKDIR /app
ARG VERSION=1.2
COPY Dockerfile ./
#RUN echo "$VERSION" > version && seq 1 100 > list
COPY src/ src/
#RUN cat src/*.c > all
#RUN wc -l all > count
FROM base
LABEL version=1
WORKDIR /srv
COPY --from=build --chown=0:0 /app/ ./
EXPOSE 8080
USER 1000
HEALTHCHECK --interval=30s CMD ["/bin/busybox", "true"]
ENTRYPOINT ["/bin/busybox", "cat"]
CMD ["/srv/count"]
`;

/** Makes the folder `dir` and returns it. RUN steps are in it where the machine has a busybox to give them. */
export function writeSampleContext(dir) {
  mkdirSync(join(dir, "src"), { recursive: true });
  for (let file = 0; file < FILES; file++) writeFileSync(join(dir, "src", `${file}.c`), `int f${file};\n`);
  const busybox = ["/bin/busybox", "/usr/bin/busybox"].find((path) => existsSync(path));
  if (busybox !== undefined) copyFileSync(busybox, join(dir, "busybox"));
  writeFileSync(join(dir, "Dockerfile"), busybox === undefined ? HEAD + STEPS : HEAD_WITH_SHELL + STEPS.replaceAll("#RUN", "RUN"));
  return dir;
}
