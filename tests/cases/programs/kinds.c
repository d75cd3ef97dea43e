/* Structs of every kind of member, passed by pointer with known content. */
#include <stdbool.h>
#include <string.h>

#define PROBED __attribute__((noinline, used))

struct kinds {
	signed char c;
	unsigned char uc;
	short s;
	unsigned short us;
	int i;
	unsigned int ui;
	long l;
	unsigned long ul;
	bool b;
	void *p;
};
struct leaf { int x; };
struct branch { struct leaf one, two; };
struct tree { struct branch pair; int tail; };
struct holder { int tag; union { unsigned int word; unsigned char byte[4]; }; };
struct cell { short row, col; };
struct table { struct cell cells[3]; int n; };
struct person { char first[8]; char last[8]; const char *title; };
struct ops { int (*call)(int); int id; };
enum level { LOW = 1, HIGH = 9 };
struct alarm { enum level level; int zone; };
struct wide_bits { unsigned long a : 4, b : 40, c : 20; };
struct chain { int value; struct chain **link; };

PROBED int take_kinds(struct kinds *k) { return k->i; }
PROBED int take_deep(struct tree *t) { return t->tail; }
PROBED int take_word(unsigned int *w) { return *w; }
PROBED int take_holder(struct holder *h) { return h->tag; }
PROBED int take_table(struct table *t) { return t->n; }
PROBED int take_person(struct person *p) { return p->first[0] + p->title[0]; }
PROBED int take_ops(struct ops *o) { return o->call(o->id); }
PROBED int take_alarm(struct alarm *a) { return a->zone; }
PROBED int take_wide_bits(struct wide_bits *b) { return b->a; }
PROBED int take_chain(struct chain *c) { return c->value; }
PROBED struct alarm *make_alarm(void)
{
	static struct alarm made = { LOW, 77 };

	made.zone++;
	return &made;
}
PROBED int called_back(int id) { return id; }

int main(void)
{
	struct kinds kinds = { -1, 255, -300, 60000, -70000, 4000000000u, -5000000000L,
			       18000000000000000000UL, true, (void *)0xabc };
	struct tree tree = { { { 11 }, { 22 } }, 33 };
	unsigned int word = 0xa1b2c3d4;
	struct holder holder = { 5, { 0x01020304 } };
	struct table table = { { { 1, 2 }, { 3, 4 }, { 5, -6 } }, 3 };
	struct person person = { "Ada", "Byron", "countess" };
	struct ops ops = { called_back, 8 };
	struct alarm alarm = { HIGH, 6 };
	struct wide_bits wide = { 9, 1UL << 39, 12345 };
	struct chain end = { 200, NULL }, *link = &end, start = { 100, &link };

	/* A probe cannot fault pages in: read the title once so that it is there. */
	if (strlen(person.title) == 0)
		return 1;
	take_kinds(&kinds);
	take_deep(&tree);
	take_word(&word);
	take_holder(&holder);
	take_table(&table);
	take_person(&person);
	take_ops(&ops);
	take_alarm(&alarm);
	take_wide_bits(&wide);
	take_chain(&start);
	make_alarm();
	return 0;
}
