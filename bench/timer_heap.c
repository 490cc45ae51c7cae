/*
 * The yardstick for VirtualTime: sleepers that sleep again, and nothing else, on a binary heap of instants with ties in the
 * order of addition. As many pops and pushes, in the same order, as the measured program has wake-ups.
 *
 *   timer_heap SLEEPERS SLEEPS
 *
 * prints: ns of CPU per wake-up, wake-ups, the last instant.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct timer { double at; uint32_t sequence, sleeper; };

static struct timer *heap;
static int length;
static uint32_t sequence, seed = 12345;

static inline uint32_t duration(void)
{
	seed = seed * 1103515245u + 12345u;
	return 1 + seed % 1000;
}

static inline int before(const struct timer *a, const struct timer *b)
{
	return a->at < b->at || (a->at == b->at && a->sequence < b->sequence);
}

static void push(double at, uint32_t sleeper)
{
	struct timer new = { at, sequence++, sleeper };
	int i = length++;

	while (i > 0) {
		int parent = (i - 1) / 2;
		if (!before(&new, &heap[parent]))
			break;
		heap[i] = heap[parent];
		i = parent;
	}
	heap[i] = new;
}

static struct timer pop(void)
{
	struct timer first = heap[0], last = heap[--length];
	int i = 0;

	for (int child = 1; child < length; child = 2 * i + 1) {
		if (child + 1 < length && before(&heap[child + 1], &heap[child]))
			child++;
		if (!before(&heap[child], &last))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = last;
	return first;
}

static double cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	uint32_t sleepers = atoi(argv[1]), sleeps = atoi(argv[2]);
	uint32_t *left = malloc(sleepers * sizeof *left);
	unsigned long long events = 0;
	double last = 0;

	heap = malloc((sleepers + 1) * sizeof *heap);
	double begin = cpu();
	for (uint32_t i = 0; i < sleepers; i++) {
		left[i] = sleeps;
		push(duration(), i);
	}
	while (length > 0) {
		struct timer first = pop();
		last = first.at;
		events++;
		if (--left[first.sleeper] > 0)
			push(last + duration(), first.sleeper);
	}
	double taken = cpu() - begin;
	printf("%f %llu %.0f\n", taken / events, events, last);
	return 0;
}
