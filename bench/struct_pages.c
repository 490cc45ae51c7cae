/*
 * The yardstick of bench/structPages.ts: struct pages initialised by the stores the kernel does, in the order in which it does them,
 * compiled with cc -O2. Reads lines `WORK THREADS` and answers each with nanoseconds; WORK is one of the loops below, or
 * `fresh`, which does `order0` on memory that was never touched. The argument is the bytes of struct pages.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

struct list { struct list *next, *prev; };

struct page {
	uint64_t flags;
	union {
		struct list lru;
		struct { uint64_t pgmap, zone_device_data; };
		struct { uint64_t compound_head; uint8_t compound_dtor, compound_order; uint32_t compound_mapcount; };
	};
	uint64_t mapping;
	uint64_t index;
	uint64_t private;
	int32_t mapcount;
	int32_t refcount;
	uint64_t memcg;
};

#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

static const uint64_t device_flags = 4ull << 51, normal_flags = 2ull << 51, cpupid = 0x7ffffc0000000;
static const uint64_t pgmap = 0xffff888000000400;

static inline void init_single(struct page *p, uint64_t flags)
{
	uint64_t *w = (uint64_t *)p;
	w[0] = w[1] = w[2] = w[3] = w[4] = w[5] = w[6] = w[7] = 0;
	p->flags = flags;
	WRITE_ONCE(p->refcount, 1);
	WRITE_ONCE(p->mapcount, -1);
	p->flags |= cpupid;
	WRITE_ONCE(p->lru.next, &p->lru);
	WRITE_ONCE(p->lru.prev, &p->lru);
}

static inline void init_device(struct page *p)
{
	init_single(p, device_flags);
	p->flags |= 1 << 12;
	p->pgmap = pgmap;
	p->zone_device_data = 0;
}

static void order0(struct page *p, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) init_device(p + i);
}

static void ram(struct page *p, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) init_single(p + i, normal_flags);
}

/* Compounds of which `own` struct pages each are written; they lie side by side, the address of a head is that of 512 apart. */
static inline void compounds(struct page *p, uint64_t n, uint64_t own)
{
	uint64_t head = 0xffffea0000000000;
	for (uint64_t i = 0; i < n; i += own, head += 512 * 64) {
		struct page *h = p + i;
		init_device(h);
		h->flags |= 1 << 16;
		for (uint64_t k = 1; k < own; k++) {
			struct page *t = h + k;
			init_device(t);
			WRITE_ONCE(t->mapping, 0xdead000000000400);
			WRITE_ONCE(t->compound_head, head + 1);
			t->private = 0;
			WRITE_ONCE(t->refcount, 0);
			if (k != 2) continue;
			h[1].compound_dtor = 1;
			h[1].compound_order = 9;
			WRITE_ONCE(h[1].compound_mapcount, -1);
			h[1].mapping = 1ull << 41;
		}
	}
}

static void shared(struct page *p, uint64_t n) { compounds(p, n, 128); }

static void whole(struct page *p, uint64_t n) { compounds(p, n, 512); }

/* What order0 leaves, by stores that go past the cache. */
static void past(struct page *p, uint64_t n)
{
#ifdef __SSE2__
	for (uint64_t i = 0; i < n; i++) {
		long long *w = (long long *)(p + i);
		_mm_stream_si64(w, (long long)(device_flags | cpupid | 1 << 12));
		_mm_stream_si64(w + 1, (long long)pgmap);
		for (int k = 2; k < 6; k++) _mm_stream_si64(w + k, 0);
		_mm_stream_si64(w + 6, 0x1ffffffff);
		_mm_stream_si64(w + 7, 0);
	}
	_mm_sfence();
#else
	order0(p, n);
#endif
}

/* A fill with a byte that is not zero: hardware treats zeros specially. */
static void fill(struct page *p, uint64_t n) { memset(p, 0x5a, n * sizeof *p); }

struct share { void (*work)(struct page *, uint64_t); struct page *p; uint64_t n; };

static void *run(void *arg)
{
	struct share *s = arg;
	s->work(s->p, s->n);
	return 0;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static struct page *map(uint64_t bytes)
{
	struct page *p = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) exit(1);
	return p;
}

int main(int argc, char **argv)
{
	uint64_t bytes = argc > 1 ? strtoull(argv[1], 0, 10) : 1ull << 31, n = bytes / sizeof(struct page);
	struct page *warm = map(bytes);
	char name[32];
	int threads;
	static const struct { const char *name; void (*work)(struct page *, uint64_t); } works[] = {
		{ "order0", order0 }, { "ram", ram }, { "2M", shared }, { "2M-altmap", whole }, { "past", past }, { "fill", fill },
		{ "fresh", order0 },
	};
	while (scanf("%31s %d", name, &threads) == 2) {
		void (*work)(struct page *, uint64_t) = 0;
		for (unsigned i = 0; i < sizeof works / sizeof *works; i++)
			if (!strcmp(works[i].name, name)) work = works[i].work;
		if (!work || threads < 1 || threads > 64) return 2;
		struct page *p = strcmp(name, "fresh") ? warm : map(bytes);
		struct share shares[64];
		pthread_t ids[64];
		double began = now();
		for (int i = 0; i < threads; i++) {
			uint64_t from = n / threads / 512 * 512 * i, to = i + 1 == threads ? n : n / threads / 512 * 512 * (i + 1);
			shares[i] = (struct share){ work, p + from, to - from };
			if (i > 0) pthread_create(&ids[i], 0, run, &shares[i]);
		}
		run(&shares[0]);
		for (int i = 1; i < threads; i++) pthread_join(ids[i], 0);
		printf("%.0f\n", now() - began);
		fflush(stdout);
		if (p != warm) munmap(p, bytes);
	}
	return 0;
}
