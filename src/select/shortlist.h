/* shortlist.h - which pools a task may go to, remembered between decisions
 *
 * Most of what a decision asks of a thousand pools is the same for all tasks of one scope
 * (scope.h): who may see the data, where the chips are, how far the data have to come.
 * That is kept in a list: the pools that no rule bars for ever, with a floor under what a
 * second of the run costs there.  A decision then takes the pools in the order of their floors
 * and weighs only those whose floor is below the best score so far; the rest cannot win.
 *
 *     scope ──> list │ pool 7 │ pool 31 │ pool 32 │ …     floors: transfer, cost, carbon
 *                        │                 x  too dear at any hour: never weighed
 *                        v
 *               rules, room, wait, score as they are now
 *
 * The answer is that of weighing all pools.  A list only leaves pools out: whatever is chosen
 * has passed every rule at that very moment, so that no list, however old, can send data
 * where they may not go.  Lists are void when snapshot.generation changes.  One thread.
 */
#ifndef SELECT_SHORTLIST_H
#define SELECT_SHORTLIST_H

#include <stdint.h>

enum {
	SHORTLISTS_MAX = 2048,          /* scopes remembered; the least recently used one goes */
	SHORTLIST_BYTES_MAX = 64 << 20, /* of all lists together: 3,000 scopes of 1,000 pools */
};

struct shortlists;

struct shortlists *shortlists_new(void);
struct shortlists *shortlists_free(struct shortlists *s);

struct shortlists_size {
	uint32_t lists;
	uint64_t bytes;
	uint64_t made, asked, weighed;  /* lists made; decisions; pools weighed in them */
};
void shortlists_size(const struct shortlists *s, struct shortlists_size *ret);

#endif
