// Types of arcli.js.
export type Point = [number, number];
export type Quad = [Point, Point, Point, Point];
export interface Match {
  identifier: string; channel?: string; score?: number; inliers?: number; quad?: Quad;
  level?: number; metadata?: string; label?: string; name?: string;
}
export interface Candidate { identifier: string; reason: string; why?: string; score?: number; inliers?: number; quad?: Quad }
export interface Found { matches: Match[]; candidates: Candidate[] }
export interface FindOptions { signal?: AbortSignal; limit?: number | "all"; candidates?: number; [field: string]: unknown }

export declare class RecognitionError extends Error {
  constructor(code: string, message?: string, hint?: string);
  code: string; hint: string; later: boolean;
}
export declare class Client {
  constructor(options: { url?: string; username: string; secretkey: string; channel?: string; timeout?: number });
  find(photo: Blob, options?: FindOptions): Promise<Found>;
}
export declare class Scanner extends EventTarget {
  constructor(options: {
    video: HTMLVideoElement; find(photo: Blob, options: { signal: AbortSignal }): Promise<Found>;
    size?: number; trackSize?: number; pause?: number; rest?: number; longest?: number;
  });
  start(): void;
  stop(): void;
  addEventListener(type: "quads", listener: (event: CustomEvent<{ matches: Match[]; frame: Level }>) => void): void;
  addEventListener(type: "answer", listener: (event: CustomEvent<{ matches: Match[]; seconds: number }>) => void): void;
  addEventListener(type: "trouble", listener: (event: CustomEvent<{ error: RecognitionError }>) => void): void;
}
export interface Level { gray: Float32Array; width: number; height: number }
export declare function grayFrame(image: { data: Uint8ClampedArray; width: number; height: number }): Level[];
export declare class Tracker {
  constructor(frame: Level[]);
  lost: boolean;
  restrict(quad: Quad): void;
  advance(frame: Level[]): boolean;
  locate(quad: Quad): Quad | null;
}
export declare function homography(from: Point[], to: Point[]): number[] | null;
export declare function project(h: number[], point: Point): Point;
export declare function inside(quad: Quad, point: Point): boolean;
export declare function isConvex(quad: Quad): boolean;
export declare function quadMatrix(width: number, height: number, quad: Quad): number[] | null;
export declare function quadTransform(width: number, height: number, quad: Quad): string;
export declare function shrink(source: CanvasImageSource, size: number, canvas?: HTMLCanvasElement): HTMLCanvasElement;
export declare function jpeg(canvas: HTMLCanvasElement, quality?: number): Promise<Blob>;
export declare function linkOf(metadata: unknown): { url: string; kind: "picture" | "video" | "model" | "page" } | null;
