// The camera, and what can go wrong with it.
import { RecognitionError } from "./arcli.js";

/** Ask for the back camera. Throws what `cameraError` explains. */
export async function openCamera() {
  if (!window.isSecureContext) throw new RecognitionError("insecure");
  if (!navigator.mediaDevices?.getUserMedia) throw new RecognitionError("no_camera");
  return navigator.mediaDevices.getUserMedia({
    audio: false,
    video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 720 } },
  });
}

const NAMES = {
  NotFoundError: "no_camera",
  OverconstrainedError: "no_camera",
  NotAllowedError: "camera_refused",
  SecurityError: "camera_refused",
  NotReadableError: "camera_busy",
  AbortError: "camera_busy",
};

/** The error of a person's words for what getUserMedia threw. */
export function cameraError(error) {
  return error instanceof RecognitionError ? error : new RecognitionError(NAMES[error.name] ?? "no_camera", error.message);
}
