/* The window of a sampler by size: a treap. See sampler_window.h. */
#include "flow/sampler_window.h"

typedef ath__window_entry entry;

typedef struct window_search {
    ath__window *window;
    const ath__window_room *room;
    int64_t bin;     /* largest bin (first) or largest that is out (last) */
    int64_t n_looks; /* left */
} window_search;

/* ---- the tree ---- */

static bool window_before(const entry *a, const entry *b)
{
    if (a->bin != b->bin) {
        return a->bin > b->bin;
    }
    return a->key != b->key ? a->key < b->key : a->event < b->event;
}

static void window_add(entry *n, int32_t passes)
{
    if (n) {
        n->passes += passes;
        n->most_passes += passes;
        n->add += passes;
    }
}

static void window_push(entry *n)
{
    if (n->add) {
        window_add(n->left, n->add);
        window_add(n->right, n->add);
        n->add = 0;
    }
}

static void window_join(entry *n, const entry *child)
{
    if (child) {
        n->most_passes = child->most_passes > n->most_passes ? child->most_passes : n->most_passes;
        n->least_atoms = child->least_atoms < n->least_atoms ? child->least_atoms : n->least_atoms;
        n->least_edges = child->least_edges < n->least_edges ? child->least_edges : n->least_edges;
    }
}

/* After the subtrees of n, or n itself, have changed. */
static void window_update(entry *n)
{
    n->most_passes = n->passes;
    n->least_atoms = n->n_atoms;
    n->least_edges = n->n_edges;
    window_join(n, n->left);
    window_join(n, n->right);
}

/* Those before `at`, and the rest. */
static void window_split(entry *n, const entry *at, entry **before, entry **rest)
{
    if (!n) {
        *before = *rest = NULL;
        return;
    }
    window_push(n);
    if (window_before(n, at)) {
        window_split(n->right, at, &n->right, rest);
        *before = n;
    } else {
        window_split(n->left, at, before, &n->left);
        *rest = n;
    }
    window_update(n);
}

/* All of a are before all of b. */
static entry *window_merge(entry *a, entry *b)
{
    if (!a || !b) {
        return a ? a : b;
    }
    entry *top = a->priority > b->priority ? a : b;
    window_push(top);
    if (top == a) {
        a->right = window_merge(a->right, b);
    } else {
        b->left = window_merge(a, b->left);
    }
    window_update(top);
    return top;
}

static entry *window_without(entry *n, const entry *gone)
{
    window_push(n);
    if (n == gone) {
        return window_merge(n->left, n->right);
    }
    if (window_before(gone, n)) {
        n->left = window_without(n->left, gone);
    } else {
        n->right = window_without(n->right, gone);
    }
    window_update(n);
    return n;
}

void ath__window_put(ath__window *w, ath__window_entry *e)
{
    entry *before, *rest;
    e->left = e->right = NULL;
    e->add = 0;
    window_update(e);
    window_split(w->root, e, &before, &rest);
    w->root = window_merge(window_merge(before, e), rest);
    e->newer = NULL;
    e->older = w->newest;
    *(w->newest ? &w->newest->newer : &w->oldest) = e;
    w->newest = e;
    w->n++;
}

void ath__window_remove(ath__window *w, ath__window_entry *e)
{
    w->root = window_without(w->root, e);
    *(e->older ? &e->older->newer : &w->oldest) = e->newer;
    *(e->newer ? &e->newer->older : &w->newest) = e->older;
    w->n--;
}

/* ---- searches ---- */

/* False if nothing in the subtree can fit, or enough was looked at. */
static bool window_look(window_search *s, const entry *n)
{
    if (!n || n->least_atoms > s->room->n_atoms || n->least_edges > s->room->n_edges ||
        s->n_looks == 0) {
        return false;
    }
    s->n_looks--;
    s->window->n_looks++;
    return true;
}

/* The first that fits in bins up to s->bin. */
static entry *window_first(window_search *s, entry *n)
{
    if (!window_look(s, n)) {
        return NULL;
    }
    if (n->bin > s->bin) {
        return window_first(s, n->right);
    }
    entry *found = window_first(s, n->left);
    if (!found) {
        found = ath__window_fits(n, s->room) ? n : window_first(s, n->right);
    }
    return found;
}

/* The last that fits in bins above s->bin. */
static entry *window_last(window_search *s, entry *n)
{
    if (!window_look(s, n)) {
        return NULL;
    }
    if (n->bin <= s->bin) {
        return window_last(s, n->left);
    }
    entry *found = window_last(s, n->right);
    if (!found) {
        found = ath__window_fits(n, s->room) ? n : window_last(s, n->left);
    }
    return found;
}

ath__window_entry *ath__window_largest(ath__window *w, int64_t bin_width,
                                       const ath__window_room *room)
{
    const int64_t most = room->n_atoms / bin_width; /* the room ends inside this bin */
    window_search s = {w, room, most, ATH__WINDOW_LOOKS};
    entry *found = window_first(&s, w->root);
    if (!found && s.n_looks == 0) { /* below it all fit in atoms, and the search is exact */
        s.bin = most - 1;
        s.n_looks = ATH__WINDOW_LOOKS;
        found = window_first(&s, w->root);
    }
    return found;
}

ath__window_entry *ath__window_turn(ath__window *w, int64_t bin, const ath__window_room *room)
{
    window_search s = {w, room, bin, ATH__WINDOW_LOOKS};
    entry *last = window_last(&s, w->root);
    if (!last) {
        return NULL;
    }
    s.bin = last->bin;
    s.n_looks = ATH__WINDOW_LOOKS;
    entry *first = window_first(&s, w->root);
    return first ? first : last;
}

/* ---- patience ---- */

static void window_pass(entry *n, const entry *chosen)
{
    if (!n) {
        return;
    }
    window_push(n);
    if (window_before(n, chosen)) {
        n->passes++;
        window_add(n->left, 1);
        window_pass(n->right, chosen);
    } else {
        window_pass(n->left, chosen);
    }
    window_update(n);
}

void ath__window_pass_over(ath__window *w, const ath__window_entry *e)
{
    window_pass(w->root, e);
}

ath__window_entry *ath__window_waiting(ath__window *w)
{
    for (entry *n = w->root; n;) {
        window_push(n);
        if (n->left && n->left->most_passes == n->most_passes) {
            n = n->left;
        } else if (n->passes == n->most_passes) {
            return n;
        } else {
            n = n->right;
        }
    }
    return NULL;
}

static void window_settle(entry *n)
{
    if (n) {
        window_push(n);
        window_settle(n->left);
        window_settle(n->right);
    }
}

void ath__window_settle(ath__window *w)
{
    window_settle(w->root);
}
