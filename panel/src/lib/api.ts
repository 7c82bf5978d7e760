// The REST API, typed by its own description (api-types.ts is made from web/openapi.json).
import type { components, paths } from "./api-types";

type Schemas = components["schemas"];
export type Account = Schemas["Account"];
export type AccountSwitches = Schemas["Switches"];
export type AccountWays = Schemas["AccountWays"];
export type AccountQueue = Schemas["AccountQueue"];
export type AccountSummary = Schemas["AccountSummary"];
export type Approval = Schemas["Approval"];
export type ApprovalSuggestion = Schemas["ApprovalSuggestion"];
export type AuditEntry = Schemas["AuditEntry"];
export type Ban = Schemas["Ban"];
export type CallSheet = Schemas["CallSheet"];
export type Customer = Schemas["Customer"];
export type DamageReport = Schemas["DamageReport"];
export type Diagnosis = Schemas["Diagnosis"];
export type DiagnosisQuestions = Schemas["DiagnosisQuestions"];
export type Domain = Schemas["Domain"];
export type DryRun = Schemas["DryRun"];
export type Enquiry = Schemas["Enquiry"];
export type EnquiryDetails = Schemas["EnquiryDetails"];
export type Feedback = Schemas["Feedback"];
export type FigureSeries = Schemas["FigureSeries"];
export type Health = Schemas["Health"];
export type HealthSpan = Schemas["HealthSpan"];
export type Hold = Schemas["Hold"];
export type Incident = Schemas["Incident"];
export type IncidentDetails = Schemas["IncidentDetails"];
export type Investigation = Schemas["Investigation"];
export type IpCheck = Schemas["IpCheck"];
export type IpRule = Schemas["IpRule"];
export type MailboxUse = Schemas["MailboxUse"];
export type NoteToRecipients = Schemas["NoteToRecipients"];
export type Notice = Schemas["Notice"];
export type NoticePreview = Schemas["NoticePreview"];
export type NoticeText = Schemas["NoticeText"];
export type NoticeTextSummary = Schemas["NoticeTextSummary"];
export type Operator = Schemas["Operator"];
export type CheckUp = Schemas["CheckUp"];
export type EnquirySent = Schemas["EnquirySent"];
export type MailProfile = Schemas["MailProfile"];
export type OwnContact = Schemas["OwnContact"];
export type OwnDevices = Schemas["OwnDevices"];
export type OwnEnquiry = Schemas["OwnEnquiry"];
export type OwnHistory = Schemas["OwnHistory"];
export type OwnRecovery = Schemas["OwnRecovery"];
export type OwnServices = Schemas["OwnServices"];
export type OwnStatus = Schemas["OwnStatus"];
export type OwnTest = Schemas["OwnTest"];
export type OwnTotp = Schemas["OwnTotp"];
export type OwnWays = Schemas["OwnWays"];
export type PasswordOutcome = Schemas["PasswordOutcome"];
export type PasswordVerdict = Schemas["PasswordVerdict"];
export type Policy = Schemas["Policy"];
export type Recovery = Schemas["Recovery"];
export type ReturnedReport = Schemas["ReturnedReport"];
export type Session = Schemas["Session"];
export type SessionList = Schemas["SessionList"];
export type Settings = Schemas["Settings"];
export type SignIn = Schemas["SignIn"];
export type Standing = Schemas["Standing"];
export type StandingRecord = Schemas["StandingRecord"];
export type Step = Schemas["Step"];
export type Text = Schemas["Text"];
export type WaitingMail = Schemas["WaitingMail"];
export type WayChange = Schemas["WayChange"];
type ErrorBody = Schemas["Error"]["error"];

type Method = "get" | "post" | "delete";
// The paths that know a method, and what each answers with 200, 201 or 202.
type PathsWith<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, { responses: unknown }> ? P : never;
}[keyof paths];
type Json<T> = T extends { content: { "application/json": infer J } } ? J : never;
type Answer<P extends keyof paths, M extends Method> =
  paths[P] extends Record<M, { responses: infer R }>
    ? Json<R extends Record<200, infer A> ? A : never>
      | Json<R extends Record<201, infer A> ? A : never>
      | Json<R extends Record<202, infer A> ? A : never>
    : never;
type Body<P extends keyof paths, M extends Method> =
  paths[P] extends Record<M, { requestBody?: infer B }> ? Json<NonNullable<B>> : never;
type QueryOf<P extends keyof paths, M extends Method> =
  paths[P] extends Record<M, { parameters: { query?: infer Q } }> ? NonNullable<Q> : never;

export class ApiError extends Error {
  constructor(
    readonly status: number, // 0: the server could not be reached
    readonly body: ErrorBody | null,
  ) {
    super(body?.code ?? "network");
  }
  get code(): string {
    return this.body?.code ?? "network";
  }
  words(language: "ja" | "en"): string {
    const body = this.body;
    if (!body) {
      return language === "ja"
        ? "サーバーに接続できませんでした。"
        : "The server could not be reached.";
    }
    const words = language === "ja" ? body.message_ja : body.message_en;
    return body.detail && this.status !== 401 ? `${words} (${body.detail})` : words;
  }
}

type Options<P extends keyof paths, M extends Method> = {
  path?: Record<string, string | number>;
  query?: QueryOf<P, M>;
  body?: Body<P, M>;
  signal?: AbortSignal;
};

export class Api {
  // Of the session; every change carries it.
  csrf = "";
  // Of an owner's own requests, and sent with no others; the panel has none.
  bearer = "";
  onSignedOut: (() => void) | undefined;
  onReachable: ((reachable: boolean) => void) | undefined;

  private async call<P extends keyof paths, M extends Method>(
    method: M,
    pattern: P,
    options: Options<P, M>,
  ): Promise<Answer<P, M>> {
    let target: string = pattern;
    for (const [name, value] of Object.entries(options.path ?? {})) {
      target = target.replace(`{${name}}`, encodeURIComponent(String(value)));
    }
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(options.query ?? {})) {
      if (value !== undefined && value !== null && value !== "") query.set(name, String(value));
    }
    const text = query.toString();
    if (text) target += `?${text}`;
    const headers: Record<string, string> = { accept: "application/json" };
    if (method !== "get") {
      headers["content-type"] = "application/json";
      if (this.csrf) headers["x-sekimori-csrf"] = this.csrf;
    }
    if (this.bearer && pattern.startsWith("/api/v1/owner/")) {
      headers["authorization"] = `Bearer ${this.bearer}`;
    }
    const request: RequestInit = { method: method.toUpperCase(), headers, cache: "no-store" };
    if (method !== "get") request.body = JSON.stringify(options.body ?? {});
    if (options.signal) request.signal = options.signal;
    let response: Response;
    try {
      response = await fetch(target, request);
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      this.onReachable?.(false);
      throw new ApiError(0, null);
    }
    this.onReachable?.(true);
    const json = (await response.json().catch(() => null)) as unknown;
    if (response.ok) return json as Answer<P, M>;
    const body = (json as { error?: ErrorBody } | null)?.error ?? null;
    const error = new ApiError(response.status, body);
    if (error.code === "unauthorized") this.onSignedOut?.();
    throw error;
  }

  get<P extends PathsWith<"get">>(pattern: P, options: Options<P, "get"> = {}) {
    return this.call("get", pattern, options);
  }
  post<P extends PathsWith<"post">>(pattern: P, options: Options<P, "post"> = {}) {
    return this.call("post", pattern, options);
  }
  remove<P extends PathsWith<"delete">>(pattern: P, options: Options<P, "delete"> = {}) {
    return this.call("delete", pattern, options);
  }
}

export const api = new Api();
