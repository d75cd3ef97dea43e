/* One function for each shape of argument, called once with fixed values. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define PROBED __attribute__((noinline, used))

struct point { int x, y; };
struct box { struct point lo; struct point *hi; char name[16]; };
struct tagged {
	int tag;
	union { int number; unsigned char bytes[4]; };
	struct { short lo, hi; };
};
struct bits { unsigned int a : 3; unsigned int b : 7; int c : 6; unsigned int d : 16; unsigned char e; };
struct packed { char c; int i; long l; short s; } __attribute__((packed));
struct arrays { int v[4]; unsigned char m[2][3]; long n; };
struct node { int value; struct node *next; };
struct named { const char *name; int len; };
struct varlen { int n; unsigned char data[]; };
enum mode { IDLE, BUSY = 5, GONE };
struct state { enum mode m; int level; };
struct bools { bool yes, no; };

PROBED int take_point(struct point *p) { return p->x; }
PROBED int take_points(struct point *p) { return p[1].x; }
PROBED int take_box(struct box *b) { return b->lo.x; }
PROBED int take_tagged(struct tagged *t) { return t->tag; }
PROBED int take_bits(struct bits *b) { return b->a; }
PROBED int take_packed(struct packed *p) { return p->i; }
PROBED int take_arr(struct arrays *a) { return a->v[0]; }
PROBED int take_list(struct node *n) { return n->value; }
PROBED int take_named(struct named *n) { return n->len; }
PROBED int take_varlen(struct varlen *v) { return v->n; }
PROBED int take_state(struct state *s) { return s->level; }
PROBED int take_bools(struct bools *b) { return b->yes; }

int main(void)
{
	struct point p = { 3, -4 }, hi = { 30, 40 };
	struct point points[3] = { { 1, 2 }, { 3, 4 }, { 5, 6 } };
	struct box b = { { 1, 2 }, &hi, "corner" };
	struct tagged t = { .tag = 9, .number = 0x04030201, .lo = -1, .hi = 77 };
	struct bits bits = { .a = 5, .b = 100, .c = -3, .d = 40000, .e = 200 };
	struct packed packed = { 'A', -70000, 1L << 40, 123 };
	struct arrays arrays = { { 10, 20, 30, 40 }, { { 1, 2, 3 }, { 4, 5, 6 } }, 99 };
	struct node third = { 300, NULL }, second = { 200, &third }, first = { 100, &second };
	struct named named = { "a name that is long", 7 };
	unsigned char room[16] = { 0 };
	struct varlen *v = (struct varlen *)room;
	struct state state = { BUSY, 42 };
	struct bools bools = { true, false };

	/* A probe cannot fault pages in: read the name once so that it is there. */
	if (strlen(named.name) == 0)
		return 1;
	v->n = 3;
	memcpy(v->data, "\x0a\x14\x1e", 3);
	take_point(&p);
	take_points(points);
	take_box(&b);
	take_tagged(&t);
	take_bits(&bits);
	take_packed(&packed);
	take_arr(&arrays);
	take_list(&first);
	take_named(&named);
	take_varlen(v);
	take_state(&state);
	take_bools(&bools);
	return 0;
}
