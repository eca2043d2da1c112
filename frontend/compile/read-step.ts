import { unreachable } from "../../base/unreachable.js";
import type { Instruction } from "../syntax/ast.js";
import { errorAt } from "./dockerfile-error.js";
import { readArg } from "./instructions/arg.js";
import { readCmd } from "./instructions/cmd.js";
import { readCopy } from "./instructions/copy.js";
import { readEntrypoint } from "./instructions/entrypoint.js";
import { readEnv } from "./instructions/env.js";
import { readExpose } from "./instructions/expose.js";
import { readHealthcheck } from "./instructions/healthcheck.js";
import { readLabel } from "./instructions/label.js";
import { readMaintainer } from "./instructions/maintainer.js";
import { readOnbuild } from "./instructions/onbuild.js";
import { readRun } from "./instructions/run.js";
import { readShell } from "./instructions/shell.js";
import { readStopsignal } from "./instructions/stopsignal.js";
import { readUser } from "./instructions/user.js";
import { readVolume } from "./instructions/volume.js";
import { readWorkdir } from "./instructions/workdir.js";
import type { Origin, Step } from "./step.js";

/**
 * Any instruction inside a stage, checked as far as it can be without knowing the stage.
 * @throws {TsbuildError} DOCKERFILE_…
 */
export function readStep(instruction: Instruction, origin: Origin): Step {
  switch (instruction.keyword) {
    case "RUN":
      return readRun(instruction, origin);
    case "CMD":
      return readCmd(instruction, origin);
    case "ENTRYPOINT":
      return readEntrypoint(instruction, origin);
    case "COPY":
    case "ADD":
      return readCopy(instruction, origin);
    case "ENV":
      return readEnv(instruction, origin);
    case "LABEL":
      return readLabel(instruction, origin);
    case "ARG":
      return readArg(instruction, origin);
    case "WORKDIR":
      return readWorkdir(instruction, origin);
    case "USER":
      return readUser(instruction, origin);
    case "STOPSIGNAL":
      return readStopsignal(instruction, origin);
    case "EXPOSE":
      return readExpose(instruction, origin);
    case "VOLUME":
      return readVolume(instruction, origin);
    case "SHELL":
      return readShell(instruction, origin);
    case "MAINTAINER":
      return readMaintainer(instruction, origin);
    case "HEALTHCHECK":
      return readHealthcheck(instruction, origin);
    case "ONBUILD":
      return readOnbuild(instruction, origin, () => void readStep(instruction.trigger, origin));
    case "FROM":
      throw errorAt(origin.file, instruction.range, "DOCKERFILE_ONBUILD", "FROM begins a stage and can't stand here");
    default:
      return unreachable(instruction);
  }
}
