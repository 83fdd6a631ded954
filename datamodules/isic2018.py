"""ISIC 2018 task 3 = HAM10000 (draft, to be replaced)."""
import csv
import numpy as np
from .core.base import ImageDataModule
from .core.table import SampleTable
NAMES=("akiec","bcc","bkl","df","mel","nv","vasc")
class ISIC2018(ImageDataModule):
    slugs=("isic2018",)
    class_names=NAMES
    def load_table(self):
        rows=sorted(csv.DictReader((self.root/"ham10000"/"ham10000_index.csv").open()),key=lambda r:r["image_id"])
        self._z=None
        self._s=[(r["split_image"],int(r["row_in_npz"])) for r in rows]
        return SampleTable(np.array([r["image_id"] for r in rows]),np.array([NAMES.index(r["dx"]) for r in rows]),np.array([r["lesion_id"] for r in rows]))
    def source_key(self): return "npz"
    def read_image(self,row):
        if self._z is None:
            z=np.load(self.root/"ham10000"/"ham10000_28.npz"); self._z={k:z[k] for k in z.files}
        s,i=self._s[row]; return self._z[f"{s}_images"][i]
