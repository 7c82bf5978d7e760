import { en } from "./en";
import { ja } from "./ja";

// Each entry is a text or makes one of values; en.ts must have them all, with the same values.
export type Messages = {
  [K in keyof typeof ja]: (typeof ja)[K] extends (...values: infer A) => string
    ? (...values: A) => string
    : string;
};
export type Language = "ja" | "en";
export type TextKey = {
  [K in keyof Messages]: Messages[K] extends string ? K : never;
}[keyof Messages];

export const catalogues: Record<Language, Messages> = { ja, en };
