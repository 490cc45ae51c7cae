/*
 * The yardstick for pfnValid: the same query over the layout a kernel uses (a root table, 32-byte entries, a usage with the
 * subsection map). Reads ranges of pfns ("early start end" lines), then times random and sequential queries.
 *
 *   pfn_valid ROUNDS QUERIES SPAN < ranges
 *
 * prints: random ns per query, count; sequential ns per query, count.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SECTION_SHIFT = 15, SUBSECTION_SHIFT = 9, PER_ROOT = 128, HAS_MEM_MAP = 2, EARLY = 8 };

struct usage { uint64_t rcu[2]; uint64_t map; };
struct mem_section { uint64_t word; struct usage *usage; uint64_t ext[2]; };

static struct mem_section **roots;
static uint64_t sections;

static inline int pfn_valid(uint64_t pfn)
{
	uint64_t nr = pfn >> SECTION_SHIFT;
	struct mem_section *ms;

	if (nr >= sections)
		return 0;
	if (!roots[nr / PER_ROOT])
		return 0;
	ms = &roots[nr / PER_ROOT][nr % PER_ROOT];
	if (!(ms->word & HAS_MEM_MAP))
		return 0;
	if (ms->word & EARLY)
		return 1;
	return ms->usage->map >> ((pfn >> SUBSECTION_SHIFT) & 63) & 1;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	int rounds = atoi(argv[1]);
	uint64_t queries = strtoull(argv[2], 0, 10), span = strtoull(argv[3], 0, 10);
	uint64_t *pfns = malloc(queries * sizeof *pfns);
	unsigned long long start, end;
	int early;

	sections = 1ull << 19;
	roots = calloc(sections / PER_ROOT, sizeof *roots);
	while (scanf("%d %llu %llu", &early, &start, &end) == 3) {
		for (uint64_t p = start >> SUBSECTION_SHIFT; p < (end + 511) >> SUBSECTION_SHIFT; p++) {
			uint64_t nr = p >> (SECTION_SHIFT - SUBSECTION_SHIFT);
			if (!roots[nr / PER_ROOT])
				roots[nr / PER_ROOT] = calloc(PER_ROOT, sizeof **roots);
			struct mem_section *ms = &roots[nr / PER_ROOT][nr % PER_ROOT];
			if (!ms->usage)
				ms->usage = calloc(1, sizeof *ms->usage);
			ms->word |= HAS_MEM_MAP | (early ? EARLY : 0);
			ms->usage->map |= 1ull << (p & 63);
		}
	}
	uint32_t seed = 1;
	for (uint64_t i = 0; i < queries; i++) {
		seed = seed * 1664525u + 1013904223u;
		pfns[i] = (uint64_t)((double)seed / 4294967296.0 * span);
	}
	for (int r = 0; r < rounds; r++) {
		volatile uint64_t sink;
		uint64_t count = 0;
		double t = now();
		for (uint64_t i = 0; i < queries; i++)
			count += pfn_valid(pfns[i]);
		sink = count;
		printf("random %f %llu\n", (now() - t) / queries, (unsigned long long)sink);
		count = 0;
		t = now();
		for (uint64_t p = 0; p < queries; p++)
			count += pfn_valid(p);
		sink = count;
		printf("sequential %f %llu\n", (now() - t) / queries, (unsigned long long)sink);
	}
	return 0;
}
