/* prefer.c - the four profiles: what an hour, a yuan and a gram weigh against each other
 *
 * These weights are our defaults, reasoned here and nowhere prescribed; whoever knows better
 * sends their own.  All in micro-yuan, so a score reads as "what this choice costs its user,
 * everything included".
 */

#include "domain/task.h"

const struct prefer prefer_profiles[] = {
	/* One second is worth a yuan, a yuan spent counts a thousandth: a second sooner wins
	 * over 1,000 yuan, and of two pools that are equally soon the cheaper one is taken. */
	{ .profile = "fastest", .money_milli = 1, .time_micro_per_s = 1000000 },

	/* Money as it is; a day of waiting weighs 0.0864 yuan, so that equal prices (and free
	 * pools) go to the sooner one. */
	{ .profile = "cheapest", .money_milli = 1000, .time_micro_per_s = 1 },

	/* A hundred times the carbon price of `balanced`: 8 yuan per kg, several times what the
	 * electricity behind that kg costs.  Money at a hundredth and time as in `cheapest`
	 * only part what is equally clean. */
	{ .profile = "greenest", .money_milli = 10, .time_micro_per_s = 1,
	  .carbon_micro_per_g = 8000 },

	/* Money as it is.  An hour that a person waits: 3.60 yuan, far below a wage because
	 * people do other things meanwhile, far above a core-hour so that queues matter.
	 * Carbon: 80 yuan per tonne, the order of the price in China's national emissions
	 * trading, a cost that the user's city pays even if the bill does not show it. */
	{ .profile = "balanced", .money_milli = 1000, .time_micro_per_s = 1000,
	  .carbon_micro_per_g = 80 },

	{ .profile = NULL },
};
