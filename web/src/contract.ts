// What the hub says, by the names of its API (openapi.d.ts is generated from openapi/openapi.json).

import type { components } from "./openapi.d.ts";

type Schemas = components["schemas"];

export type Snapshot = Schemas["Snapshot"];
export type ScreenItem = Schemas["ScreenItem"];
export type UnitItem = Schemas["UnitOut"];
export type ReportIn = Pick<Schemas["ReportIn"], "id" | "category" | "description"> & Partial<Schemas["ReportIn"]>;
export type ReportItem = Schemas["ReportOut"];
export type ReportDetail = Schemas["ReportDetail"];
export type SimilarItem = Schemas["SimilarPage"]["items"][number];
export type CommentItem = Schemas["CommentOut"];
export type CategoryItem = Schemas["CategoryOut"];
export type AreaPlace = Schemas["AreaPlace"];
export type PagePlan = Schemas["PageOut"];
export type WidgetPlan = Schemas["WidgetOut"];
export type WidgetData = Snapshot["data"][string];
export type Figure = Schemas["ShownFigure"];
export type Explanation = Schemas["Explanation"];
export type ExplainedPart = Schemas["ExplainedPart"];
export type ExplainedReading = Schemas["ExplainedReading"];
export type Comparison = Schemas["ComparisonOut"];
export type State = NonNullable<Figure["state"]>;
export type Age = NonNullable<Figure["age"]>;

export type FigureData = Schemas["FigureData"];
export type TrendData = Schemas["TrendData"];
export type RankingData = Schemas["RankingData"];
export type RankedFigure = Schemas["RankedFigure"];
export type TableData = Schemas["TableData"];
export type BreakdownData = Schemas["BreakdownData"];
export type ProgressData = Schemas["ProgressData"];
export type Outcome = Schemas["ProgressOut"]["outcome"];
export type MapData = Schemas["MapData"];
export type ReportMapData = Schemas["ReportMapData"];
export type DomainsData = Schemas["DomainsData"];
export type FeedData = Schemas["FeedData"];
export type TextData = Schemas["TextData"];
export type SourcesData = Schemas["SourcesData"];

/** The `data` of an event `widget`. */
export interface WidgetEvent {
  id: string;
  change: number;
  data: WidgetData;
}

/** An RFC 9457 problem, as much of it as a viewer is told. */
export interface Problem {
  status: number;
  title: string;
  detail: string;
  errors?: { code: string; detail: string }[];
}
