/* slurm_probe.h - what stands behind the options of a Slurm pool, asked once before it is one */
#ifndef ENGINE_SLURM_PROBE_H
#define ENGINE_SLURM_PROBE_H

#include "base/json.h"

/* Blocks, for some seconds at most a few times over.  0: *ret (new reference) has api, offered,
 * slurm, token_ends, partitions [{name, up, used, max_s}], nodes, nodes_down, cpus, memory_mb,
 * gres [{name, nodes, devices}], jobs {listed, running, waiting, took_ms} and problems [text].
 * Above 0: it cannot become a pool, and `err` says why.  The token is in neither. */
int slurm_probe(const json_t *options, json_t **ret, struct err *err);

#endif
