// types.ts - what the API answers, as far as the console reads it (doc/openapi.yaml)

import type { Level } from './words';

export type Role = 'user' | 'operator' | 'admin' | 'security' | 'auditor';

export interface Session {
  name: string;
  tenant: string;
  user: string | null;
  roles: Role[];
  expires: string | null;
  session: boolean;
}

export interface Login {
  user: string | null;
  change_password: boolean;
}

export interface Provider {
  name: string;
  title?: string;
  title_zh?: string;
}

export interface Node {
  node: string;
  version: string;
  counts: Record<string, number>;
  single_user: boolean;
}

export interface Reason {
  code: string;
  text: string;
  text_zh: string;
}

export interface Task {
  id: string;
  name: string;
  tenant: string;
  owner: string;
  kind: string;
  state: string;
  reason: Reason | null;
  attempt: number;
  pool: string | null;
  submitted_at: string;
  started_at: string | null;
  ended_at: string | null;
  wait_s: number | null;
  run_s: number | null;
  exit_code: number | null;
  cost_micro: number;
  energy_j: number;
  carbon_mg: number;
  spec?: Record<string, unknown>;
  array?: { text: string; tasks: number; states: Record<string, number> };
}

export interface Run {
  run_id: string;
  attempt: number;
  pool: string;
  started_at: string | null;
  ended_at: string | null;
  end: string | null;
  exit_code: number | null;
  text: string | null;
  cost_micro: number;
}

export interface Candidate {
  pool: string;
  rank?: number;
  now?: boolean;
  reasons: { reason: string; need: string; have: string }[];
  terms?: {
    transfer_s: number; wait_p50_s: number; wait_p90_s: number; run_p50_s: number; run_p90_s: number;
    run_basis: string; run_samples: number; cost_micro: number; energy_j: number; carbon_mg: number; score_micro: number;
  };
}

export interface Decision {
  outcome: string;
  pool: string | null;
  reason: string | null;
  at: string;
  seed: string;
  pools: Candidate[];
}

export interface Pool {
  name: string;
  title?: string;
  title_zh?: string;
  tier: string;
  region: string;
  owner?: string;
  engine: string;
  clearance: Level;
  label: { declared: { clearance: Level; region: string }; confirmed: { clearance: Level; region: string } };
  price: { cpu_hour: string; accelerator_hour: string };
  green_share: number;
  running: number;
  state: {
    drained: boolean; down: boolean; stale: boolean; why?: string; why_zh?: string;
    cpus: number; cpus_free: number; accelerators: number; accelerators_free: number;
  };
}

export interface Dataset {
  name: string;
  url: string;
  region: string;
  level: Level;
  size_mb: number;
  owner?: string;
  stay_within?: string;
  tenant: string;
}

export interface Report {
  dataset: string;
  labels: { at: string; by?: string; reason?: string; removed: boolean; data?: Dataset }[];
  submissions: number;
  submissions_before: number;
  decisions: number;
  decided: { at: string; task: number; before: boolean; what: string; pool?: string; refused: Record<string, string[]> }[];
  pools: { pool: string; runs: number; refused: Record<string, number> }[];
  runs_in_all: number;
  runs: { task: number; before: boolean; tenant: string; pool: string; at: string; ended: string | null; how: string | null }[];
}

export interface Limits {
  running?: number;
  waiting?: number;
  accelerator_hours?: number;
  weight?: number;
}

export interface Quota {
  tenant: string;
  limits: Limits;
  running: number;
  waiting: number;
  accelerator_hours: number;
  usage_part: number;
}

export interface Budget {
  tenant: string;
  limited: boolean;
  available_micro: number;
  held_micro: number;
}

export interface Voucher {
  id: number;
  issuer: string;
  tenant: string;
  title?: string;
  source?: string;
  face_micro: number;
  rate: number | { domestic: number; other: number };
  year_cap_micro?: number;
  valid_from: string;
  valid_until: string;
  withdrawn: boolean;
  left_micro: number;
  held_micro: number;
  used_micro: number;
}

export interface Price {
  id: number;
  pool: string;
  chip?: string;
  price: { cpu_hour?: string; accelerator_hour?: string };
  valid_from: string;
  valid_until?: string;
  by: string;
}

export interface Sums {
  runs: number;
  total_micro: number;
  own_micro: number;
  voucher_micro: number;
  in_micro: number;
}

export interface Statement {
  month: string;
  lines: (Sums & {
    at: string; entry: string; run_id: string | null; tenant: string | null; owner: string | null; pool: string | null;
    chip: string | null; note: string | null;
  })[];
  sum: Sums;
}

export interface Tenant {
  name: string;
  title: string;
  disabled: boolean;
  created: string | null;
}

export interface User {
  name: string;
  tenant: string;
  title: string;
  roles: Role[];
  disabled: boolean;
  created: string;
}

export interface Token {
  id: number;
  name: string;
  tenant: string;
  user: string | null;
  roles: Role[];
  scopes: string[] | null;
  pools: string[] | null;
  created: string | null;
  expires: string | null;
  revoked: boolean;
  used: string | null;
}

export interface Entry {
  no: number;
  at: string;
  kind: string;
  actor: string;
  subject: number;
  task: number;
  body: string | null;
  shown?: unknown;
  fault?: string;
  hash: string;
}
