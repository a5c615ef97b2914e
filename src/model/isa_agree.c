#include "model/isa_agree.h"

#include "base/log.h"
#include "kernels/isa.h"
#include "kernels/isa_bound.h"

/* The least and the most that the ranks have, by fact. */
enum { BEST, OFFERED, UNHEARD, FACTS };
typedef struct facts {
  double of[FACTS][3]; /* minimum, average, maximum */
} facts;

static bool told; /* of a bound that is not understood: once a process */

static lks_status gather_all(facts *all, lks_comm *comm)
{
  const lks_isa_bound bound = lks_isa_bound_read();
  const double mine[FACTS] = {lks_isa_best(), lks_isa_offered(), bound.variable && !bound.known && !told};
  return lks_comm_spread_all(comm, all->of[0], mine, FACTS);
}

static lks_status understand(const lks_isa_bound *bound)
{
  if (!bound->variable || bound->known) return LKS_OK;
  return lks_fail(
      LKS_ERR_USAGE,
      "%s=%.100s in the environment is ignored: it is none of oneDNN's words, as AVX2 or AVX512_CORE is",
      bound->variable, bound->word);
}

static void warn_of_bound_all(lks_comm *comm)
{
  const lks_isa_bound bound = lks_isa_bound_read();
  if (lks_comm_agree_all(comm, understand(&bound)) != LKS_OK) lks_warn("%s", lks_message());
  told = true;
}

/* Whether this rank has the instruction set; `common` is what all ranks have. */
static lks_status find(lks_isa *isa, const char *name, lks_isa common)
{
  const lks_isa best = lks_isa_best();
  const lks_isa_bound bound = lks_isa_bound_read();
  const bool exists = lks_isa_find(isa, name);
  if (exists && *isa <= best) return LKS_OK;
  if (exists && bound.known && bound.isa == best)
    return lks_fail(
        LKS_ERR_USAGE,
        "--isa %s: %s=%.100s in the environment leaves %s at best; choose --isa %s, which all ranks have, or auto",
        name, bound.variable, bound.word, lks_isa_name(best), lks_isa_name(common));
  return lks_fail(
      LKS_ERR_USAGE,
      "--isa %.100s: processor and operating system have %s at best; choose --isa %s, which all ranks have, or auto",
      name, lks_isa_name(best), lks_isa_name(common));
}

lks_status lks_isa_agree_all(lks_comm *comm, lks_isa_choice choice)
{
  facts all = {0};
  lks_status status = gather_all(&all, comm);
  if (status) return status;
  if (all.of[UNHEARD][2] > 0) warn_of_bound_all(comm);
  lks_isa isa = (lks_isa)all.of[OFFERED][0];
  if (choice != LKS_ISA_CHOICE_AUTO)
    status = lks_comm_agree_all(comm, find(&isa, lks_isa_choice_name(choice), (lks_isa)all.of[BEST][0]));
  return status ? status : lks_comm_agree_all(comm, lks_isa_set(isa));
}

lks_status lks_isa_settable_all(bool *settable, lks_comm *comm, const char *name)
{
  lks_isa isa;
  const double mine = lks_isa_find(&isa, name) && lks_isa_settable(isa);
  double spread[3];
  lks_status status = lks_comm_spread_all(comm, spread, &mine, 1);
  *settable = status == LKS_OK && spread[0] > 0;
  return status;
}
